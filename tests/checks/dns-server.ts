/** A server of DNS for tests, with a few records, speaking RFC 1035 over UDP. */
import { createSocket, type Socket } from 'node:dgram'

const TYPES: Record<string, number> = { A: 1, NS: 2, CNAME: 5, MX: 15, AAAA: 28 }

const name = (text: string) =>
  Buffer.concat([
    ...text.split('.').map((label) => Buffer.from([label.length, ...Buffer.from(label)])),
    Buffer.from([0]),
  ])

const data = (type: string, value: string) =>
  type === 'A'
    ? Buffer.from(value.split('.').map(Number))
    : type === 'MX'
      ? Buffer.concat([Buffer.from([0, 10]), name(value)])
      : name(value)

/** Not bound yet. The name `broken.test` gets SERVFAIL; names that are not in `records` do not exist. */
export function dnsServer(records: Record<string, Record<string, string[]>>): Socket {
  const socket = createSocket('udp4')
  socket.on('message', (asked, from) => {
    const labels = []
    let at = 12
    for (let length = asked[at] ?? 0; length > 0; length = asked[at] ?? 0) {
      labels.push(asked.toString('latin1', at + 1, at + 1 + length))
      at += length + 1
    }
    const wanted = labels.join('.').toLowerCase()
    const number = asked.readUInt16BE(at + 1)
    const type = Object.keys(TYPES).find((one) => TYPES[one] === number) ?? ''
    const known = records[wanted]
    const answers = (known?.[type] ?? []).map((value) => {
      const content = data(type, value)
      // The name is the one of the question, at offset 12; class IN; one minute.
      return Buffer.concat([
        Buffer.from([0xc0, 12, 0, number, 0, 1, 0, 0, 0, 60, 0, content.length]),
        content,
      ])
    })
    const code = wanted === 'broken.test' ? 2 : known === undefined ? 3 : 0
    const head = Buffer.alloc(12)
    asked.copy(head, 0, 0, 2)
    head.writeUInt16BE(0x8180 + code, 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(answers.length, 6)
    socket.send(
      Buffer.concat([head, asked.subarray(12, at + 5), ...answers]),
      from.port,
      from.address,
    )
  })
  return socket
}
