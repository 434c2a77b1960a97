/** What a screen reader says at once: new incidents of priority 1 and 2. */
import { html, type TemplateResult } from 'lit';
import { customElement } from 'lit/decorators.js';
import type { App } from '../app.ts';
import { named, t } from '../i18n/i18n.ts';
import { shared } from '../theme/shared.ts';
import { AppElement } from './element.ts';
import { placeOf } from './words.ts';

@customElement('lf-announcer')
export class Announcer extends AppElement {
  static override styles = [shared];

  protected override watched(app: App) {
    return [app.announcement];
  }

  override render(): TemplateResult {
    const said = this.app.announcement.value.slice(0, 3).map((incident) =>
      t('announce.new', {
        priority: incident.priority,
        category: named('category', incident.category),
        place: placeOf(this.app, incident),
      }),
    );
    return html`<div class="heard" role="alert">${said.join('. ')}</div>`;
  }
}
