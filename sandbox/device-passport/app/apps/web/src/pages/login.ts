// The login.
export const page = (): Promise<string> =>
  Promise.resolve(`<form id="login"><label>E-mail <input name="email" type="email"></label>
<label>Password <input name="password" type="password"></label><button>Log in</button></form>`)
