import { startLocale } from '../i18n/i18n.ts';
import { startTheme } from '../theme/theme.ts';
import { HistoryApp } from './app.ts';
import './shell.ts';

startTheme();
startLocale();

const app = new HistoryApp();
const shell = document.querySelector('lf-history');
if (shell) shell.app = app;

// Another tab signed out or in as somebody else: this page must not go on with the old reader's data.
new BroadcastChannel('lianfang-session').onmessage = () => location.reload();

void app.start();
