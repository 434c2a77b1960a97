/** The hub where the browser has shared workers: it outlives each single tab. */
import { FeedHub } from './hub.ts';
import type { FromTab, ToTab } from './protocol.ts';

declare const self: SharedWorkerGlobalScope;

const hub = new FeedHub(() => self.close());
let tabs = 0;

self.onconnect = (event) => {
  const port = event.ports[0];
  if (!port) return;
  tabs += 1;
  const id = `port-${tabs}`;
  port.onmessage = (message: MessageEvent<FromTab>) => {
    hub.receive(id, message.data, (answer: ToTab) => port.postMessage(answer));
  };
};
