// Update `old` to match `fresh`, but keep what the user did: focus, typed text, open details.
function morph(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const {name, value} of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const {name} of [...old.attributes]) {
    if (name !== "open" && !fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
  const keys = new Set([...fresh.children].map(getKey).filter(Boolean));
  for (const child of [...old.children]) {
    if (getKey(child) && !keys.has(getKey(child))) child.remove();
  }
  const keyed = new Map([...old.children].map((child) => [getKey(child), child]));
  let next = old.firstChild;
  for (const node of [...fresh.childNodes]) {
    const isSame = next && next.nodeName === node.nodeName && !getKey(next);
    const match = getKey(node) ? keyed.get(getKey(node)) : isSame ? next : undefined;
    if (!match) {
      old.insertBefore(node, next);
      continue;
    }
    if (match === next) next = next.nextSibling;
    else old.insertBefore(match, next);
    morph(match, node);
  }
  while (next) {
    const last = next;
    next = next.nextSibling;
    last.remove();
  }
}

function getKey(node) {
  return node.dataset?.key;
}

// Keep the focused element, or else the one in the middle of the window, where the user sees it.
function keepPosition(change) {
  const focused = document.activeElement;
  const anchor = focused === document.body
    ? document.elementFromPoint(innerWidth / 2, innerHeight / 2) : focused;
  const top = anchor?.getBoundingClientRect().top;
  change();
  if (!scrollY || !anchor?.isConnected) return;
  scrollBy({top: anchor.getBoundingClientRect().top - top, behavior: "instant"});
}
