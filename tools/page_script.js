"use strict";
function choose(language, remember) {
  document.body.classList.remove("en", "zh");
  document.body.classList.add(language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.getElementById("to-en").setAttribute("aria-pressed", language === "en");
  document.getElementById("to-zh").setAttribute("aria-pressed", language === "zh");
  if (remember) { try { localStorage.setItem("language", language); } catch (error) { /* a page from a file may not store */ } }
}
document.getElementById("to-en").addEventListener("click", function () { choose("en", true); });
document.getElementById("to-zh").addEventListener("click", function () { choose("zh", true); });
(function () {
  var chosen = null;
  try { chosen = localStorage.getItem("language"); } catch (error) { chosen = null; }
  if (chosen !== "en" && chosen !== "zh") { chosen = (navigator.language || "").toLowerCase().indexOf("zh") === 0 ? "zh" : "en"; }
  choose(chosen, false);
}());
