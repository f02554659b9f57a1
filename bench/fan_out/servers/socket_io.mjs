// Socket.IO on Node, for clients that speak WebSocket from the beginning.

import { createServer } from 'node:http'
import { createRequire } from 'node:module'

import { message, obey } from './orders.mjs'

const { Server } = createRequire(`${process.cwd()}/`)('socket.io')
const http = createServer()
const io = new Server(http, { transports: ['websocket'] })
http.listen(Number(process.argv[2]), '127.0.0.1')

obey((number) => io.emit('bot_status', message(number)))
