// Text that stands out less than 4.5 : 1 from what is behind it (WCAG 2.2, 1.4.3).
() => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  const rgb = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (colour) => colour.slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    for (let at = e; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const pale = new Set();
  let seen = 0;
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement, words = texts.currentNode.data.trim();
    if (!words || !e.checkVisibility() || e.closest("script, style, desc, title")) continue;
    const style = getComputedStyle(e);
    const [a, b] = [rgb(e.closest("svg") ? style.fill : style.color), behind(e)].map(luminance);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    seen += 1;
    if (ratio < 4.5) {
      pale.add(`${e.tagName}.${e.getAttribute("class")} ${words.slice(0, 40)}: ${ratio.toFixed(2)}`);
    }
  }
  return { seen, pale: [...pale] };
}
