"use strict";

const content = document.querySelector("main");
const message = document.getElementById("message");
const updates = document.getElementById("updates");
const secret = document.getElementById("secret");
// The HTML of each section as it was last received, by its ID.
const received = new Map();
let version = content.dataset.version;
let isOffline = false;
let timer;
let queue = Promise.resolve();

async function fetchChanges() {
  const response = await fetch("/_page/fragment", {
    headers: {"If-None-Match": version}, cache: "no-store",
  });
  if (response.status !== 304 && !response.ok) throw new Error(`status ${response.status}`);
  if (response.status !== 304) {
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
    const names = [];
    for (const section of fresh.querySelectorAll("section")) {
      const html = section.outerHTML;
      if (received.get(section.id) === html) continue;
      if (received.has(section.id) && !("quiet" in section.dataset)) names.push(section.id);
      received.set(section.id, html);
      keepPosition(() => morph(document.getElementById(section.id), section));
    }
    version = response.headers.get("ETag");
    if (names.length) updates.textContent = `Updated: ${names.join(", ")}.`;
  }
  document.getElementById("now").textContent = response.headers.get("X-Emulator-Time");
  if (isOffline) say("");
  isOffline = false;
}

// One request at a time, so that an older response never replaces a newer one.
function update() {
  queue = queue.then(fetchChanges).catch(() => {
    isOffline = true;
    say("The emulator does not respond.");
  });
  return queue;
}

// Show a message until the next one, or for ten seconds.
function say(text) {
  message.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => { message.textContent = ""; }, 10_000);
}

async function act(source, label, operation, params) {
  const section = source.closest("section");
  let response, result;
  try {
    response = await fetch(`/_page/${operation}`, {
      method: "POST",
      headers: {"Content-Type": "application/json", "X-CSRF-Token": content.dataset.csrfToken},
      body: JSON.stringify(params),
    });
    result = await response.json();
  } catch {
    say("The emulator does not respond.");
    return;
  }
  if (response.ok && source instanceof HTMLFormElement) source.reset();
  await update();
  if (!source.isConnected) section.querySelector("h2").focus();
  say(response.ok ? describe(label, result) : result.error);
  const made = result.secret ?? (typeof result.token === "string" ? result.token : undefined);
  if (response.ok && made) {
    secret.querySelector("output").textContent = made;
    secret.showModal();
  }
}

function describe(label, {published, failed, deliveries}) {
  if (published === undefined) return `${label}: done.`;
  return `${label}: published ${published}, failed ${failed}, delivered ${deliveries}.`;
}

function read(form) {
  const params = {};
  for (const {name, type, value, checked, dataset} of form.elements) {
    if (!name) continue;
    if (type === "checkbox") {
      params[name] ??= [];
      if (checked) params[name].push(value);
    } else if ("list" in dataset) params[name] = value.split(/[\s,]+/).filter(Boolean);
    else if (value !== "") params[name] = type === "number" ? Number(value) : value;
  }
  if (form.dataset.operation !== "fault") return params;
  const {kind, number, ...options} = params;
  return {add: number === undefined ? kind : `${kind}:${number}`, options};
}

document.addEventListener("click", ({target}) => {
  const button = target.closest("button[data-operation]");
  if (!button) return;
  const {operation, params} = button.dataset;
  act(button, button.textContent, operation, JSON.parse(params));
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.operation) return;
  event.preventDefault();
  act(form, form.querySelector("button").textContent, form.dataset.operation, read(form));
});
secret.addEventListener("close", () => {
  secret.querySelector("output").textContent = "";
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) update();
});
for (const section of content.querySelectorAll("section")) {
  received.set(section.id, section.outerHTML);
}
document.documentElement.classList.add("js");
(async () => {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    if (!document.hidden) await update();
  }
})();
