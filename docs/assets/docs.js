// Tables that the theme lets scroll can be scrolled without a mouse, too.
new MutationObserver(() => {
  for (const each of document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])")) {
    each.tabIndex = 0;
    each.setAttribute("role", "group");
    each.setAttribute("aria-label", "table");
  }
}).observe(document.body, {childList: true, subtree: true});
