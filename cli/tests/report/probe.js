// Looks at every text that is shown: its contrast with its ground, and whether it lies within its picture.
const channel = part => (part /= 255) <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
const numbers = colour => colour.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const ground = element => {
  for (; element; element = element.parentElement) {
    const colour = getComputedStyle(element).backgroundColor;
    if (numbers(colour)[3] !== 0) return colour;
  }
  return "rgb(255, 255, 255)";
};
document.querySelectorAll("details").forEach(one => one.open = true);
const found = {texts: 0, pale: [], beyond: [], dark: matchMedia("(prefers-color-scheme: dark)").matches,
  wide: document.documentElement.scrollWidth, window: innerWidth};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node; node = walker.nextNode();) {
  const element = node.parentElement, text = node.data.trim();
  if (!text || ["SCRIPT", "STYLE"].includes(element.tagName) || element.getClientRects().length === 0) continue;
  found.texts++;
  const drawn = element instanceof SVGElement, style = getComputedStyle(element);
  const colour = drawn ? style.fill : style.color;
  const [one, other] = [luminance(numbers(colour)), luminance(numbers(ground(element)))];
  const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (!(contrast >= 4.5)) found.pale.push({text, contrast, colour, ground: ground(element)});
  if (drawn) {
    const [own, frame] = [element.getBoundingClientRect(), element.ownerSVGElement.getBoundingClientRect()];
    if (own.left < frame.left - 1 || own.right > frame.right + 1 || own.top < frame.top - 1 || own.bottom > frame.bottom + 1)
      found.beyond.push({text, left: own.left - frame.left, right: own.right - frame.right});
  }
}
const shown = document.createElement("pre");
shown.id = "probe";
// Whatever a text contains, this must not be read as markup.
shown.textContent = JSON.stringify(found).replace(/[<>&]/g, "?");
document.body.append(shown);
