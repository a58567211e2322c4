// Opens the socket of the API and waits for its first word. The answer is JSON.
import { answerWith, needed } from './client.ts'

const socket = new WebSocket(`${needed('API_URL').replace(/^http/, 'ws')}/api/ws`)
const said = await new Promise<string>((resolve) => {
  const late = setTimeout(() => resolve(''), 5_000)
  socket.onmessage = ({ data }) => {
    clearTimeout(late)
    resolve(String(data))
  }
  socket.onerror = () => resolve('')
})
socket.close()
answerWith({
  open: said !== '',
  hello: said === '' ? '' : (JSON.parse(said) as { hello: string }).hello,
})
