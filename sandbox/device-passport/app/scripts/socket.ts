// Opens the socket of the API and waits for its first word. The answer is JSON.
import { answerWith, needed } from './client.ts'

const socket = new WebSocket(`${needed('API_URL').replace(/^http/, 'ws')}/api/ws`)
const said = await new Promise<string>((resolve) => {
  const end = (word: string) => {
    clearTimeout(late)
    resolve(word)
  }
  const late = setTimeout(end, 5_000, '')
  socket.onmessage = ({ data }) => end(String(data))
  socket.onerror = () => end('')
})
socket.close()
answerWith({
  open: said !== '',
  hello: said === '' ? '' : (JSON.parse(said) as { hello: string }).hello,
})
