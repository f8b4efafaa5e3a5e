/* What works without this file works with it as well: it adds keys, live counts, and swapping a page's middle instead of all of it. */
(() => {
  const body = document.body;
  const $ = (selector, from = document) => from.querySelector(selector);
  const $$ = (selector, from = document) => [...from.querySelectorAll(selector)];
  document.documentElement.classList.add("script");

  /* Where one is may lie beyond the edge of a narrow window. */
  $(".top [aria-current=page]")?.scrollIntoView({ block: "nearest", inline: "center" });

  /* Keys. Each does what a button or a link with data-key does, first in the line that has the focus, then on the page. */
  const rows = () => $$("[data-row]");
  const rowOf = (element) => element?.closest?.("[data-row]");
  let lastRow = 0;
  document.addEventListener("focusin", (event) => {
    const row = rowOf(event.target);
    if (row) lastRow = rows().indexOf(row);
  });

  const move = (by) => {
    const all = rows();
    if (all.length === 0) return;
    const here = all.indexOf(rowOf(document.activeElement));
    const next = here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, here + by));
    focusRow(all[next]);
  };
  const focusRow = (row) => {
    $("[data-open]", row)?.focus();
    row.scrollIntoView({ block: "nearest" });
  };

  const press = (key) => {
    const row = rowOf(document.activeElement);
    let target = (row && $(`[data-key="${key}"]`, row)) || null;
    if (!target) {
      target = $$(`[data-key="${key}"]`).find((element) => !rowOf(element));
      // An act on what is selected, when nothing is: then it is the line with the focus that is meant.
      const box = row && $("input[type=checkbox]", row);
      if (target && box && !$("[data-row] input:checked")) box.checked = true;
    }
    if (!target) return false;
    if (target.tagName === "SUMMARY") {
      target.parentElement.open = true;
      $("button, input, textarea, select", target.parentElement)?.focus();
    } else target.click();
    return true;
  };

  const hideAll = () => {
    const shown = $$("[data-preview]").filter((element) => element.childElementCount > 0);
    for (const element of shown) element.replaceChildren();
    return shown.length > 0;
  };

  const isWriting = (element) =>
    element.matches?.("input:not([type=checkbox]):not([type=radio]):not([type=submit]), textarea, select");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      if (hideAll()) return event.preventDefault();
      if (isWriting(event.target)) return event.target.blur();
      return $("details[open] > summary[data-key]")?.parentElement.removeAttribute("open");
    }
    if (!body.hasAttribute("data-shortcuts") || isWriting(event.target) || $("dialog[open]")) return;
    if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
    else if (event.key === "?") $("#keys")?.showModal();
    else if (!/^[a-z]$/.test(event.key) || !press(event.key)) return;
    event.preventDefault();
  });

  document.addEventListener("click", async (event) => {
    const copy = event.target.closest?.("[data-copy]");
    if (copy) {
      const area = document.getElementById(copy.dataset.copy);
      area.select();
      await navigator.clipboard?.writeText(area.value).catch(() => {});
      copy.textContent = copy.dataset.copied;
    }
    if (event.target.closest?.("[data-hide]") && hideAll()) event.preventDefault();
    if (event.target.closest?.("[data-keys]")) $("#keys")?.showModal();
    if (event.target.closest?.("[data-close]")) event.target.closest("dialog").close();
  });

  /* After an act swapped the middle of the page, the focus is where it was. A list that came by itself takes it nowhere: nobody had it there. */
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx?.live) return;
    const all = rows();
    if (document.activeElement === body && all.length > 0) focusRow(all[Math.min(lastRow, all.length - 1)]);
    else if (document.activeElement === body) $("#main")?.focus();
  });

  /* Live: numbers come by themselves. A list changes under nobody's hands: only when nothing in it is selected, and nothing in the page's middle (its filters too) has the focus. */
  if (body.dataset.mark === undefined || !window.EventSource) return;
  const list = () => $("form[data-list]");
  const isBusy = () => $("#main :focus") || $("[data-row] input:checked") || $(".flash");
  const sayChanged = () => {
    const note = $("[data-changed]");
    if (note) note.hidden = false;
  };
  const refresh = () => {
    if (!list()) return;
    if (isBusy() || !window.htmx) return sayChanged();
    window.htmx.ajax("GET", list().dataset.list, { target: "#main", select: "#main", swap: "outerHTML", live: true });
  };
  /* Somebody may have begun, or have gone to another page, while it was fetched. */
  document.addEventListener("htmx:before:swap", (event) => {
    if (!event.detail.ctx?.live || (list() && !isBusy())) return;
    event.preventDefault();
    sayChanged();
  });
  const events = new EventSource("/events");
  events.addEventListener("alerts", (event) => {
    const { open, mark } = JSON.parse(event.data);
    for (const element of $$("[data-open-alerts]")) element.textContent = open;
    if (mark === body.dataset.mark) return;
    body.dataset.mark = mark;
    refresh();
  });
  window.addEventListener("pagehide", () => events.close());
})();
