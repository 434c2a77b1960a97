// Runs in the page: notes when a marked site's row stands in the visible part of the queue and was drawn.
// A change of the page asks for a frame; in it the rows are looked at as the reader would see them; the next frame
// begins only after that one was drawn, and then the clock is read.
(() => {
  const queue = document.querySelector('lf-app').shadowRoot.querySelector('lf-queue').shadowRoot;
  const seen = new Set();
  const painted = [];
  let asked = false;

  const look = () => {
    asked = false;
    const scroller = queue.querySelector('.scroll');
    if (!scroller) return;
    const frame = scroller.getBoundingClientRect();
    for (const row of queue.querySelectorAll('li[data-id]')) {
      const name = /MARK-\d+/.exec(row.textContent)?.[0];
      if (!name || seen.has(name)) continue;
      const box = row.getBoundingClientRect();
      if (box.top < frame.top || box.bottom > frame.bottom) continue;
      seen.add(name);
      requestAnimationFrame(() => painted.push({ name, id: Number(row.dataset.id), at: Date.now() / 1000 }));
    }
  };

  new MutationObserver(() => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(look);
  }).observe(queue, { childList: true, subtree: true, attributes: true, characterData: true });

  let busy = 0;
  let longest = 0;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      busy += duration;
      longest = Math.max(longest, duration);
    }
  }).observe({ type: 'longtask' });

  window.__bench = {
    takePainted: () => painted.splice(0),
    // Milliseconds that tasks of 50 ms and more held the page since the last call, and the longest of them.
    takeBusy: () => {
      const taken = { busy_ms: busy, longest_ms: longest };
      busy = 0;
      longest = 0;
      return taken;
    },
  };
})();
