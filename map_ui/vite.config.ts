import { defineConfig } from 'vitest/config';
import { mockServer } from './dev/mock-server.ts';

/** `npm run dev` talks to a running server (LIANFANG_URL), or to the mock when MOCK=1. */
const upstream = process.env['LIANFANG_URL'] ?? 'http://127.0.0.1:8400';
const mocked = process.env['MOCK'] === '1';

export default defineConfig({
  plugins: mocked ? [mockServer()] : [],
  build: {
    target: 'es2022',
    sourcemap: false,
    // MapLibre is one large module by nature; the limit is there to notice anything else that grows.
    chunkSizeWarningLimit: 1500,
    // A data: address would need an exception in the content security policy.
    assetsInlineLimit: 0,
    rolldownOptions: { input: ['index.html', 'install.html', 'history.html'] },
  },
  worker: { format: 'es' },
  server: {
    proxy: mocked ? {} : { '/api': { target: upstream }, '/tiles': { target: upstream } },
  },
  test: { include: ['test/**/*.test.ts'], environment: 'node' },
});
