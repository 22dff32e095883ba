"use strict";

const main = document.querySelector("main");
const list = document.getElementById("list");
const delivery = document.getElementById("delivery");
const search = document.getElementById("search");
const live = document.getElementById("live");
const message = document.getElementById("message");
const root = search.getAttribute("action");
let selected = document.querySelector("article")?.dataset.number ?? "";
let limit = new URLSearchParams(location.search).get("limit") ?? "";
let comparison = new URLSearchParams(location.search).get("compare") ?? "";
let timer;
let queue = Promise.resolve();

function query() {
  const params = new URLSearchParams();
  for (const [name, value] of new FormData(search)) if (value) params.set(name, value);
  if (limit) params.set("limit", limit);
  return params;
}

function address(params) {
  const text = params.toString();
  return root + (selected ? `/${selected}` : "") + (text ? `?${text}` : "");
}

async function fetchFragment(path, params) {
  const response = await fetch(`${path}?${params}`, {cache: "no-store"});
  if (!response.ok) throw new Error(`status ${response.status}`);
  return new DOMParser().parseFromString(await response.text(), "text/html").body;
}

function replace(section, fresh) {
  const target = section.cloneNode(false);
  target.append(...fresh.childNodes);
  keepPosition(() => morph(section, target));
}

async function updateList() {
  const params = query();
  params.set("fragment", "list");
  replace(list, await fetchFragment(selected ? `${root}/${selected}` : root, params));
}

async function updateDelivery() {
  main.classList.toggle("has-delivery", selected !== "");
  if (!selected) return;
  const params = new URLSearchParams({fragment: "delivery"});
  if (comparison) params.set("compare", comparison);
  const fresh = await fetchFragment(`${root}/${selected}`, params);
  const isSame = delivery.querySelector("article")?.dataset.number === selected;
  if (isSame) replace(delivery, fresh);
  else {
    delivery.replaceChildren(...fresh.childNodes);
    delivery.scrollTop = 0;
  }
}

// Updates run in sequence, so that an older response never replaces a newer one.
function enqueue(work) {
  queue = queue.then(work).catch(() => say("The receiver is not responding."));
  return queue;
}

function select(number, {focus = false} = {}) {
  selected = number;
  comparison = "";
  history.pushState(null, "", address(query()));
  for (const link of list.querySelectorAll("a[data-number]")) {
    if (link.dataset.number === selected) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
    if (focus && link.dataset.number === selected) link.focus();
  }
  return enqueue(updateDelivery);
}

function move(step) {
  const links = [...list.querySelectorAll("a[data-number]")];
  if (!links.length) return;
  const index = links.findIndex((link) => link.dataset.number === selected);
  const next = index < 0 ? 0 : Math.min(Math.max(index + step, 0), links.length - 1);
  select(links[next].dataset.number, {focus: true});
}

function say(text) {
  message.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => { message.textContent = ""; }, 6_000);
}

async function post(form) {
  const response = await fetch(form.action, {
    method: "POST", body: new URLSearchParams(new FormData(form)), redirect: "manual",
  });
  if (response.type === "opaqueredirect") say(`${form.dataset.action}.`);
  else {
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    say(page.querySelector("p")?.textContent ?? "Failed.");
  }
  await updateList();
  await updateDelivery();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-number]");
  if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    select(link.dataset.number);
  }
  const copy = event.target.closest("[data-copy]");
  if (copy) copyText(copy.parentElement.querySelector("pre").textContent);
});

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    say("Copied.");
  } catch {
    say("The browser does not allow copying; select the text instead.");
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form === search) {
    event.preventDefault();
    limit = "";
    history.pushState(null, "", address(query()));
    enqueue(updateList);
  } else if (form.id === "compare") {
    event.preventDefault();
    comparison = form.elements.compare.value;
    enqueue(updateDelivery);
  } else if (form.dataset.action) {
    event.preventDefault();
    const question = event.submitter?.dataset.confirm;
    if (!question || confirm(question)) enqueue(() => post(form));
  }
});
search.addEventListener("change", () => search.requestSubmit());

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isTyping = event.target.matches("input, textarea, select");
  if (event.key === "Escape") {
    if (isTyping) event.target.blur();
    else select("");
  }
  if (isTyping) return;
  const open = (id) => {
    const details = document.getElementById(id);
    if (!details) return undefined;
    details.open = true;
    details.scrollIntoView({block: "nearest"});
    return details;
  };
  switch (event.key) {
    case "j": case "ArrowDown": move(1); break;
    case "k": case "ArrowUp": move(-1); break;
    case "/": search.elements.q.focus(); break;
    case "r": delivery.querySelector(".forward")?.click(); break;
    case "e": open("edit")?.querySelector("textarea")?.focus(); break;
    case "c": open("curl")?.querySelector("[data-copy]").click(); break;
    default: return;
  }
  event.preventDefault();
});
addEventListener("popstate", () => location.reload());

const events = new EventSource(`${root}/events`);
events.addEventListener("change", () => enqueue(async () => {
  await updateList();
  await updateDelivery();
}));
events.addEventListener("open", () => { live.textContent = "Live"; });
events.addEventListener("error", () => { live.textContent = "Disconnected; reconnecting"; });
