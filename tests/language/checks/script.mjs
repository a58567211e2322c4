/** @param {{ port: number }} args */
export default ({ port }) => ({ anything: port > 0 })
