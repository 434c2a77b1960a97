import { startLocale } from '../i18n/i18n.ts';
import { startTheme } from '../theme/theme.ts';
import { InstallApp } from './app.ts';
import './page.ts';

startTheme('light');
startLocale();

const app = new InstallApp();
const page = document.querySelector('lf-install');
if (page) page.app = app;

// Another tab signed out or in as somebody else: this page must not go on with the old reader's data.
new BroadcastChannel('lianfang-session').onmessage = ({ data }) => {
  if (data === 'out') app.forget();
  location.reload();
};

void app.start();
