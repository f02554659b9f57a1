// Writes src/types/api.gen.ts from the deck's OpenAPI document, which holds the live channel's messages too
// (`python -m botdeck.deck.schema`). Run by `npm run types` and `make types`; change the Python, not the file.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import openapiTS, { astToString } from 'openapi-typescript'

const root = fileURLToPath(new URL('../..', import.meta.url))
const file = fileURLToPath(new URL('../src/types/api.gen.ts', import.meta.url))
const venv = `${root}.venv/bin/python`
const python = process.env.PYTHON ?? (existsSync(venv) ? venv : 'python3')

// A path in BOTDECK_OPENAPI is read instead, for a document that was written before.
const given = process.env.BOTDECK_OPENAPI
const document = given
  ? readFileSync(given, 'utf8')
  : execFileSync(python, ['-m', 'botdeck.deck.schema'], { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20 })

const ast = await openapiTS(JSON.parse(document), {
  alphabetize: true,
  // Answers always hold every field; a default is only a default for requests.
  defaultNonNullable: false,
  rootTypes: true,
  rootTypesNoSchemaPrefix: true,
})
const header = '// Generated from the Python by `npm run types`. Do not edit.\n\n'
writeFileSync(file, header + astToString(ast))
