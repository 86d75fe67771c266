// The page is readable as it comes. This adds what needs a script: finding operations,
// and a form under each of them that is built from the OpenAPI document and sends a
// request to this server. The session token is kept in its field and nowhere else.
"use strict";

const node = (name, attributes = {}, ...children) => {
  const n = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) n.setAttribute(key, value);
  n.append(...children);
  return n;
};

const tokenField = document.getElementById("token");
const operations = [...document.querySelectorAll(".operation")];

function field(form, id, label, value, required) {
  const input = node("input", { id, name: id, autocomplete: "off", spellcheck: "false" });
  input.value = value ?? "";
  input.required = Boolean(required);
  form.append(node("label", { for: id }, label + (required ? " (required)" : "")), input);
  return input;
}

function exampleOf(parameter) {
  const schema = parameter.schema ?? {};
  return parameter.example ?? schema.examples?.[0] ?? (parameter.required ? "" : undefined);
}

function buildForm(details, operation) {
  const id = details.id;
  const form = node("form", { class: "try", "aria-label": "Try " + operation.summary });
  form.append(node("h3", {}, "Try it"));
  const inputs = [];
  for (const p of operation.parameters ?? []) {
    const value = p.in === "path" ? exampleOf(p) : "";
    inputs.push([p, field(form, id + "-" + p.in + "-" + p.name, p.name + " in " + p.in, value, p.required)]);
  }
  const media = operation.requestBody?.content?.["application/json"];
  let body;
  if (media) {
    body = node("textarea", { id: id + "-body", spellcheck: "false" });
    body.value = JSON.stringify(media.example ?? {}, null, 2);
    form.append(node("label", { for: id + "-body" }, "Body"), body);
  }
  const output = node("div", { class: "answer", "aria-live": "polite" });
  form.append(node("button", { type: "submit" }, "Send"), output);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(details, inputs, body, output);
  });
  details.querySelector(".inside").append(form);
}

async function send(details, inputs, body, output) {
  let path = details.dataset.path;
  const query = new URLSearchParams();
  const headers = { Accept: "application/json" };
  for (const [p, input] of inputs) {
    if (p.in === "path") path = path.replace("{" + p.name + "}", encodeURIComponent(input.value));
    else if (input.value === "") continue;
    else if (p.in === "query") query.append(p.name, input.value);
    else if (p.in === "header") headers[p.name] = input.value;
  }
  if (tokenField.value) headers.Authorization = "Bearer " + tokenField.value.trim();
  if (body) headers["Content-Type"] = "application/json";
  const target = path + (query.size ? "?" + query : "");
  output.replaceChildren("Sending…");
  const began = performance.now();
  try {
    const response = await fetch(target, {
      method: details.dataset.method, headers, body: body?.value, credentials: "same-origin", redirect: "manual",
    });
    const text = await response.text();
    show(output, response, text, Math.round(performance.now() - began));
  } catch (error) {
    output.replaceChildren(node("p", { class: "status bad" }, "No answer: " + error.message));
  }
}

function show(output, response, text, elapsed) {
  let shown = text;
  let answer;
  try {
    answer = JSON.parse(text);
    shown = JSON.stringify(answer, null, 2);
  } catch {
    // Not JSON: shown as it came.
  }
  const status = node("p", { class: response.ok ? "status" : "status bad" }, `${response.status} ${response.statusText}, ${elapsed} ms`);
  const headers = [...response.headers].map(([name, value]) => name + ": " + value).join("\n");
  output.replaceChildren(status, node("pre", { tabindex: "0", "aria-label": "Body of the answer" }, shown || "(no body)"),
    node("details", {}, node("summary", {}, "Headers"), node("pre", {}, headers)));
  const token = answer?.data?.token;
  if (typeof token === "string" && token !== "") {
    tokenField.value = token;
    status.append(". The session token is filled in above.");
  }
}

function find(words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  for (const o of operations) {
    const text = o.querySelector("summary").textContent.toLowerCase();
    o.hidden = !wanted.every((w) => text.includes(w));
  }
  for (const section of document.querySelectorAll("main section")) {
    const inside = [...section.querySelectorAll(".operation")];
    section.hidden = inside.length > 0 && inside.every((o) => o.hidden);
  }
}

function openTarget() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target?.classList.contains("operation")) target.open = true;
}

async function start() {
  for (const n of document.querySelectorAll(".needs-script")) n.hidden = false;
  document.getElementById("session").addEventListener("submit", (event) => event.preventDefault());
  document.getElementById("filter").addEventListener("input", (event) => find(event.target.value));
  addEventListener("hashchange", openTarget);
  const spec = await (await fetch("/api/openapi.json")).json();
  for (const details of operations) {
    const operation = spec.paths[details.dataset.path]?.[details.dataset.method.toLowerCase()];
    if (!operation) continue;
    const build = () => { if (details.open && !details.querySelector(".try")) buildForm(details, operation); };
    details.addEventListener("toggle", build);
    build();
  }
  openTarget();
}

start().catch((error) => {
  document.getElementById("operations").prepend(node("p", { class: "status bad", role: "alert" }, "The document could not be read: " + error.message));
});
