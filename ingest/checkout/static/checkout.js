// Keeps the page as the server shows it: told of changes by SSE, by polling where that fails. The server draws the
// page, this only puts its parts in place, so that words and rules stand in one place.
"use strict";

(() => {
  const POLL_MS = 2000; // between polls while there is no stream
  const SILENCE_MS = 40000; // the stream speaks every 15 s: a longer silence is a dead connection
  const LATER_MS = 15000; // a payment that ended unpaid may still be paid, or begun anew by the shop
  const PAUSE_MS = 5000; // the button rests so long, because the server asks Ping++ no more often

  const main = document.getElementById("checkout");
  const news = document.getElementById("news");
  let source = null;
  let opened = 0; // when the stream was last opened
  let heard = 0; // when it last sent something; 0: there is no stream
  let polled = 0;
  let deadline = null; // when the code on show stops working
  let asking = false;
  let busyUntil = 0;

  const now = () => performance.now();
  const streaming = () => heard > 0 && now() - heard < SILENCE_MS;

  function show() {
    const left = main.dataset.secondsLeft;
    deadline = left === "" ? null : now() + Number(left) * 1000;
    const page = document.documentElement.lang;
    const own = navigator.languages.find((one) => one.split("-")[0] === page.split("-")[0]);
    for (const time of main.querySelectorAll("time")) {
      const at = new Date(time.dateTime);
      time.textContent = at.toLocaleString(own || page, { dateStyle: "medium", timeStyle: "short" });
    }
    hold();
    tick();
  }

  function tick() {
    const clock = document.getElementById("clock");
    if (!clock || deadline === null) return;
    const left = Math.max(0, Math.ceil((deadline - now()) / 1000));
    const pad = (n) => String(n).padStart(2, "0");
    const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
    const text = (hours ? hours + ":" + pad(minutes) : minutes) + ":" + pad(seconds);
    if (clock.textContent !== text) clock.textContent = text;
    clock.classList.toggle("soon", left <= 60);
    if (left === 0) {
      deadline = null;
      look();
    }
  }

  function say(what) {
    const asked = document.getElementById("asked");
    if (asked && asked.textContent !== asked.dataset[what]) asked.textContent = asked.dataset[what];
  }

  function hold() {
    const button = document.getElementById("i-have-paid");
    const busy = now() < busyUntil;
    if (!button) return;
    if (busy) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
  }

  async function learn(status) {
    if (status.seconds_left !== null && deadline !== null) deadline = now() + status.seconds_left * 1000;
    if (status.version !== main.dataset.version) await redraw();
  }

  async function redraw() {
    const answer = await fetch(location.href, { cache: "no-store", headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("checkout");
    if (!answer.ok || !fresh) throw new Error("no page");
    if (fresh.dataset.version === main.dataset.version) return;
    const focused = main.contains(document.activeElement) ? document.activeElement.id : null;
    main.replaceChildren(...fresh.childNodes);
    main.className = fresh.className + " changed";
    for (const [name, value] of Object.entries(fresh.dataset)) main.dataset[name] = value;
    document.title = page.title;
    // If the focused element is gone, the keyboard and the screen reader go on at the top of the result.
    if (focused !== null) (document.getElementById(focused) || main).focus({ preventScroll: true });
    const title = document.getElementById("title");
    news.textContent = title.textContent + ". " + title.nextElementSibling.textContent;
    show();
    if (main.dataset.final === "yes") {
      hush();
      window.scrollTo({ top: 0 });
    } else if (!source) {
      listen();
    }
  }

  async function look() {
    if (asking) return;
    asking = true;
    try {
      const answer = await fetch(main.dataset.status, { cache: "no-store" });
      if (answer.status === 404) return location.reload();
      if (!answer.ok) throw new Error("no status");
      await learn(await answer.json());
      if (now() >= busyUntil) say("updates");
    } catch {
      say("offline");
    } finally {
      asking = false;
    }
  }

  function listen() {
    if (!window.EventSource || main.dataset.final === "yes") return;
    hush();
    opened = now();
    source = new EventSource(main.dataset.events);
    source.addEventListener("ping", () => (heard = now()));
    source.addEventListener("status", (event) => {
      heard = now();
      if (now() >= busyUntil) say("updates");
      learn(JSON.parse(event.data)).catch(() => (heard = 0));
    });
    source.onerror = () => (heard = 0); // it tries again by itself, unless it was refused
  }

  function hush() {
    if (source) source.close();
    source = null;
    heard = 0;
  }

  document.addEventListener("submit", async (event) => {
    if (event.target.id !== "paid") return;
    event.preventDefault();
    if (now() < busyUntil) return;
    busyUntil = now() + PAUSE_MS;
    hold();
    setTimeout(hold, PAUSE_MS + 50);
    say("asked");
    try {
      const answer = await fetch(event.target.action, { method: "POST", headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error("not asked");
    } catch {
      say("offline");
    }
    look();
  });

  document.addEventListener("visibilitychange", () => {
    if (document.hidden || main.dataset.settled === "yes") return;
    look(); // a phone that slept has heard nothing
    if (!streaming()) listen();
  });
  window.addEventListener("online", look);
  window.addEventListener("pageshow", (event) => event.persisted && location.reload());

  setInterval(tick, 250);
  setInterval(() => {
    if (main.dataset.settled === "yes" || document.hidden || streaming()) return;
    if (now() - polled < (main.dataset.final === "yes" ? LATER_MS : POLL_MS)) return;
    polled = now();
    look();
    if (now() - opened > SILENCE_MS) listen();
  }, 500);

  polled = now(); // the page was drawn just now
  show();
  listen();
})();
