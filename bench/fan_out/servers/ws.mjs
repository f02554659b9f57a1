// Node's ws: send() to each client. It offers no compression unless it is told to.

import { createRequire } from 'node:module'

import { message, obey } from './orders.mjs'

const { WebSocketServer } = createRequire(`${process.cwd()}/`)('ws')
const server = new WebSocketServer({ host: '127.0.0.1', port: Number(process.argv[2]) })

obey((number) => {
  const text = JSON.stringify(message(number))
  for (const client of server.clients) client.send(text)
})
