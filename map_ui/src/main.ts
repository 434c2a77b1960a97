import { App } from './app.ts';
import { startLocale } from './i18n/i18n.ts';
import { startTheme } from './theme/theme.ts';
import './ui/app-shell.ts';

startTheme();
startLocale();

const app = new App();
const shell = document.querySelector('lf-app');
if (shell) shell.app = app;

// Another tab signed out or in as somebody else: this page must not go on with the old reader's data.
new BroadcastChannel('lianfang-session').onmessage = () => location.reload();
// A page that comes back from the browser's cache has lost its feed.
window.addEventListener('pageshow', (event) => {
  if (event.persisted) location.reload();
});

void app.start();
