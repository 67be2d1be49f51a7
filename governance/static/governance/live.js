/* Keeps a page up to date while something is under way, without reloading it.

   The server draws the page in parts. Every second it is asked for them; mostly it answers that
   nothing has changed. A part that has changed takes the place of the old one, and what the reader
   had open, focused or scrolled stays so. A part they are writing in is left alone. */
"use strict";

(() => {
    const page = document.querySelector("[data-live-url]");
    const note = page && page.querySelector("[data-live-note]");
    if (!note) return;

    const words = note.querySelector("[data-live-words]");
    const news = page.querySelector("[data-live-news]");
    const EVERY = Number(page.dataset.liveEvery) || 1000;
    const SLOWEST = 15000;
    const PATIENCE = 10000;
    // What the clock of the server says, whatever that of this machine does.
    const AHEAD = Date.now() - Date.parse(page.dataset.liveNow);

    let etag = page.dataset.liveEtag;
    let summary = page.dataset.liveSummary;
    let wait = EVERY;
    let timer = 0;
    let asking = false;
    let over = false;

    // --- Asking

    async function look() {
        if (over || asking || document.hidden) return;
        asking = true;
        clearTimeout(timer);
        try {
            await ask();
            wait = EVERY;
            if (!over) say("live", "Live: this page follows along by itself.");
        } catch {
            wait = Math.min(wait * 2, SLOWEST);
            say("lost", "Connection lost, retrying.");
        } finally {
            asking = false;
            if (!over) timer = setTimeout(look, wait);
        }
    }

    async function ask() {
        const impatience = new AbortController();
        const limit = setTimeout(() => impatience.abort(), PATIENCE);
        try {
            const answer = await fetch(page.dataset.liveUrl, {
                headers: { "If-None-Match": etag },
                cache: "no-store",
                redirect: "manual",
                signal: impatience.signal,
            });
            if (answer.status === 304) return;
            if (answer.type === "opaqueredirect" || answer.status === 403) {
                end("lost", "You are not signed in any more. Reload the page to go on.");
            } else if (answer.status === 404) {
                end("lost", "You cannot read this any more.");
            } else if (answer.ok) {
                take(await answer.text());
                etag = answer.headers.get("ETag");
            } else {
                throw new Error(`answered ${answer.status}`);
            }
        } finally {
            clearTimeout(limit);
        }
    }

    function end(state, text) {
        over = true;
        clearTimeout(timer);
        say(state, text);
    }

    function say(state, text) {
        note.hidden = false;
        note.dataset.state = state;
        if (words.textContent !== text) words.textContent = text;
    }

    // --- Changing the page

    function take(html) {
        const found = new DOMParser().parseFromString(html, "text/html");
        const fresh = found.querySelector("[data-live-fragment]");
        if (!fresh) throw new Error("not what was asked for");
        inPlace(() => fresh.querySelectorAll("[data-live]").forEach(replace));
        if (fresh.dataset.liveSummary !== summary) {
            summary = fresh.dataset.liveSummary;
            news.textContent = summary;
        }
        if (fresh.dataset.liveEnded === "yes") end("ended", "It has ended; nothing will change any more.");
    }

    function replace(fresh) {
        const old = document.getElementById(fresh.id);
        if (!old || old.dataset.live === fresh.dataset.live) return;
        if (isWritten(old)) {
            warn(old);
            return;
        }
        const kept = remember(old);
        const part = document.adoptNode(fresh);
        old.replaceWith(part);
        recall(part, kept);
    }

    /* Whether somebody has typed or chosen something in it. */
    function isWritten(part) {
        return [...part.querySelectorAll("textarea, input:not([type=hidden])")].some(
            (input) =>
                "liveKeep" in input.dataset ||
                input.value !== input.defaultValue ||
                input.checked !== input.defaultChecked,
        );
    }

    function warn(part) {
        if (part.querySelector("[data-live-warning]")) return;
        const warning = document.createElement("p");
        warning.className = "ag-refusal";
        warning.dataset.liveWarning = "";
        warning.setAttribute("role", "alert");
        warning.textContent =
            "This has changed since you began to write. Copy what you wrote, then reload the page.";
        part.prepend(warning);
    }

    /* What is open, scrolled and focused in a part, by names that outlive it. */
    function remember(part) {
        const active = part.contains(document.activeElement) ? document.activeElement : null;
        return {
            open: new Map([...part.querySelectorAll("details[data-key]")].map((one) => [one.dataset.key, one.open])),
            scrolled: new Map(
                [...part.querySelectorAll("pre[data-key]")].map((one) => [one.dataset.key, [one.scrollTop, one.scrollLeft]]),
            ),
            focused: active && nameOf(active),
        };
    }

    function recall(part, kept) {
        for (const one of part.querySelectorAll("details[data-key]")) {
            if (kept.open.has(one.dataset.key)) one.open = kept.open.get(one.dataset.key);
        }
        for (const one of part.querySelectorAll("pre[data-key]")) {
            const place = kept.scrolled.get(one.dataset.key);
            if (place) [one.scrollTop, one.scrollLeft] = place;
        }
        if (!kept.focused) return;
        const same = [...part.querySelectorAll("*")].find((one) => nameOf(one) === kept.focused);
        if (same) same.focus({ preventScroll: true });
    }

    function nameOf(element) {
        if (element.id) return `#${element.id}`;
        if (element.dataset.key) return `key ${element.dataset.key}`;
        if (element.matches("summary")) return `summary of ${element.parentElement.dataset.key}`;
        return element.hasAttribute("href") ? `link ${element.getAttribute("href")}` : "";
    }

    /* Change the page so that what is at the top of the window stays there. */
    function inPlace(change) {
        const seen = [...page.querySelectorAll("section[id], [data-live]")].find(
            (one) => one.getBoundingClientRect().bottom > 0,
        );
        const before = seen && window.scrollY > 0 ? seen.getBoundingClientRect().top : null;
        change();
        if (before === null) return;
        const now = document.getElementById(seen.id);
        if (now) window.scrollBy(0, now.getBoundingClientRect().top - before);
    }

    // --- Time

    function tick() {
        for (const one of page.querySelectorAll("[data-since]")) {
            const seconds = Math.max(0, Math.floor((Date.now() - AHEAD - Date.parse(one.dataset.since)) / 1000));
            one.textContent = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
        }
    }

    // In a hidden tab nobody looks; once it is seen again, it must not be stale.
    document.addEventListener("visibilitychange", () => {
        clearTimeout(timer);
        look();
    });
    window.addEventListener("online", look);
    window.addEventListener("pageshow", (event) => event.persisted && look());

    setInterval(tick, 1000);
    say("live", "Live: this page follows along by itself.");
    timer = setTimeout(look, EVERY);
})();
