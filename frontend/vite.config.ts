import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

// A deck that is running, for `npm run dev`. The Host header is passed on as it is, since the deck compares it to Origin.
const deck = process.env.BOTDECK_URL ?? 'http://127.0.0.1:8765'

export default defineConfig({
  // Relative, so that the pages work under any path: the deck says which in <base href>.
  base: './',
  plugins: [react()],
  build: {
    outDir: '../src/botdeck/deck/static',
    emptyOutDir: true,
    // No inlined files: the deck's content security policy allows no data: addresses.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  server: {
    proxy: {
      '/api': { target: deck, ws: true },
      '/health': deck,
      '/ws': { target: deck, ws: true },
    },
  },
  test: {
    environment: 'jsdom',
    include: ['tests/**/*.test.{ts,tsx}'],
    setupFiles: ['tests/setup.ts'],
    restoreMocks: true,
    unstubGlobals: true,
  },
})
