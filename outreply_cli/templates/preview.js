"use strict";
const form = document.getElementById("approval");
const posts = [...document.querySelectorAll("article[data-hash]")];
const status = document.getElementById("status");
let saved = true;
const tick = (post) => post.querySelector("input[type=checkbox]");
const comment = (post) => post.querySelector("textarea").value.trim();

function update() {
  saved = false;
  let approved = 0, commented = 0;
  for (const post of posts) {
    const isApproved = tick(post).checked;
    post.classList.toggle("approved", isApproved);
    post.classList.toggle("rejected", !isApproved && comment(post) !== "");
    approved += isApproved;
    commented += !isApproved && comment(post) !== "";
  }
  status.textContent = `${approved} of ${posts.length} approved, ${commented} to be changed.`;
}

function decide(isApproved) {
  return posts
    .filter((post) => tick(post).checked === isApproved && (isApproved || comment(post) !== ""))
    .map((post) => ({ row: post.dataset.row, hash: post.dataset.hash, comment: comment(post) }));
}

function save(event) {
  event.preventDefault();
  const name = document.getElementById("name").value.trim();
  const rows = decide(true), rejected = decide(false);
  if (!name || rows.length + rejected.length === 0) {
    status.textContent = name ? "Approve or comment on a post first." : "Type your name first.";
    return;
  }
  const approval = {
    format: "outreply-approval", version: 1, calendar: form.dataset.calendar, approved_by: name,
    approved_at: new Date().toISOString(), rows, rejected,
  };
  const link = document.createElement("a");
  const blob = new Blob([JSON.stringify(approval, null, 1) + "\n"], { type: "application/json" });
  link.href = URL.createObjectURL(blob);
  link.download = form.dataset.file;
  link.click();
  saved = true;
  status.textContent = `Saved ${link.download}: ${rows.length} approved, ${rejected.length} to be changed.`;
}

for (const element of [form, ...document.querySelectorAll(".decision")]) element.hidden = false;
for (const post of posts) post.addEventListener("input", update);
document.getElementById("all").addEventListener("click", () => {
  for (const post of posts) if (comment(post) === "") tick(post).checked = true;
  update();
});
form.addEventListener("submit", save);
window.addEventListener("beforeunload", (event) => { if (!saved) event.preventDefault(); });
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
