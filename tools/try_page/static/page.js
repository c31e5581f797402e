function element(kind, attributes, text) {
  var made = document.createElement(kind);
  Object.keys(attributes || {}).forEach(function (name) { made.setAttribute(name, attributes[name]); });
  if (text !== undefined) { made.textContent = text; }
  return made;
}

function both(en, zh) {
  var made = document.createDocumentFragment();
  if (en === zh || !zh) { made.appendChild(document.createTextNode(en)); return made; }
  made.appendChild(element("span", { "class": "en-text" }, en));
  made.appendChild(element("span", { "class": "zh-text", lang: "zh-CN" }, zh));
  return made;
}

function pair(words) { return both(words[0], words[1]); }

function compare(entry, address) {
  var box = element("div", { "class": "compare" });
  var over = element("img", { "class": "over", src: address(entry.before), alt: "before" });
  var slider = element("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": "before / after · 处理前 / 处理后" });
  var bar = element("div", { "class": "bar" });
  var left = element("span", { "class": "side left" }), right = element("span", { "class": "side right" });
  function cut() { over.style.clipPath = "inset(0 " + (100 - slider.value) + "% 0 0)"; bar.style.left = slider.value + "%"; }
  left.appendChild(both("before", "处理前"));
  right.appendChild(both("after", "处理后"));
  box.appendChild(element("img", { src: address(entry.after), alt: "after" }));
  box.appendChild(over);
  box.appendChild(bar);
  box.appendChild(left);
  box.appendChild(right);
  box.appendChild(slider);
  slider.addEventListener("input", cut);
  cut();
  return box;
}

function picture(source, alt, language) {
  var made = element("img", { "class": "picture " + language, src: source, alt: alt });
  made.addEventListener("click", function () { window.open(source); });
  made.addEventListener("load", function () {  // what a small network makes is shown larger than it is
    if (made.naturalWidth < 320) { made.classList.add("small"); made.width = made.naturalWidth * Math.floor(640 / made.naturalWidth); }
    if (made.naturalWidth > 4 * made.naturalHeight) { made.classList.add("wide"); }  // on a phone it would be a strip of 60 pixels
  });
  return made;
}

function show(result, answer, job, given) {
  function address(number) { return "/jobs/" + job + "/files/" + number; }
  result.textContent = "";
  if (answer.headline[0]) { var line = element("p"); line.appendChild(element("strong")); line.firstChild.appendChild(pair(answer.headline)); result.appendChild(line); }
  (answer.notes || []).forEach(function (note) {
    var line = element("p", { "class": "facts" });
    line.appendChild(both("Note: ", "提示："));
    line.appendChild(pair(note));
    result.appendChild(line);
  });
  if (answer.words) {
    var words = element("p", { "class": "words" });
    answer.words.forEach(function (item) {
      var strength = Math.min(1, Math.abs(item[1]));
      var word = element("span", { title: item[1].toFixed(2) }, item[0]);
      word.style.background = item[1] >= 0 ? "rgba(46, 160, 67, " + 0.6 * strength + ")" : "rgba(215, 58, 73, " + 0.6 * strength + ")";
      words.appendChild(word);
      words.appendChild(document.createTextNode(" "));
    });
    result.appendChild(words);
    line = element("p", { "class": "facts" });
    line.appendChild(both("Green words speak for the answer, red ones against it.", "绿色的词支持该答案，红色的词反对。"));
    result.appendChild(line);
  }
  answer.files.forEach(function (entry) {
    var figure = element("figure"), caption = element("figcaption"), link;
    var name = entry.name.replace(/(^|-)input(?=[_.])/, function (found, before) { return before + given; });  // the page's own name of the file that was sent
    if (entry.kind === "picture") {
      var scroll = figure.appendChild(element("div", { "class": "scroll" }));
      scroll.appendChild(picture(address(entry.file), entry.caption[0], entry.file_zh ? "en-text" : ""));
      if (entry.file_zh) { scroll.appendChild(picture(address(entry.file_zh), entry.caption[1], "zh-text")); }
    }
    if (entry.kind === "sound") { figure.appendChild(element("audio", { controls: "", src: address(entry.file) })); }
    if (entry.kind === "comparison") { figure.appendChild(compare(entry, address)); }
    caption.appendChild(pair(entry.caption));
    caption.appendChild(document.createTextNode(" "));
    link = element("a", { href: address(entry.file), download: name, "class": entry.file_zh ? "en-text" : "" }, "⬇\u00a0" + name);
    caption.appendChild(link);
    if (entry.file_zh) { caption.appendChild(element("a", { href: address(entry.file_zh), download: name, "class": "zh-text" }, "⬇\u00a0" + name)); }
    figure.appendChild(caption);
    result.appendChild(figure);
  });
  answer.tables.forEach(function (content) {
    var scroll = element("div", { "class": "scroll" }), table = element("table"), row = element("tr"), title = element("p");
    title.appendChild(pair(content.title));
    scroll.appendChild(title);
    content.columns.forEach(function (name) { row.appendChild(element("th")).appendChild(pair(name)); });
    table.appendChild(row);
    content.rows.forEach(function (cells) {
      row = element("tr");
      cells.forEach(function (cell) { row.appendChild(element("td")).appendChild(pair(cell)); });
      table.appendChild(row);
    });
    scroll.appendChild(table);
    result.appendChild(scroll);
  });
}

function panel(form) {
  var state = form.querySelector(".state"), bar = form.querySelector("progress"), result = form.querySelector(".result");
  var go = form.querySelector(".go"), cancel = form.querySelector(".cancel"), job = null, timer = null, sent = "input";
  var chosen = {};

  function say(en, zh, bad) {
    state.textContent = "";
    state.classList.toggle("bad", Boolean(bad));
    state.appendChild(both(en, zh));
  }
  function busy(now) {  // an example that is clicked meanwhile would leave the running job without anybody to show it to
    go.disabled = now;
    form.querySelectorAll(".examples button").forEach(function (button) { button.disabled = now; });
  }
  function rest() { busy(false); cancel.hidden = true; bar.hidden = true; job = null; clearTimeout(timer); }
  function fail(text, zh) { rest(); say("It did not work: " + text, "未成功：" + (zh || text), true); }
  function silent() { fail("the page's program does not answer", "本页的程序没有响应"); }

  function look() {
    var asked = job;
    fetch("/jobs/" + asked).then(function (answer) { return answer.json(); }).then(function (answer) {
      if (asked !== job) { return; }
      if (answer.state === "done") { rest(); say("Done.", "完成。"); show(result, answer, asked, sent); return; }
      if (answer.state === "failed" || answer.error) { fail(answer.error, answer.error_zh); return; }
      if (answer.state === "cancelled") { rest(); say("Cancelled.", "已取消。"); return; }
      if (answer.state === "waiting") { say("Waiting: " + answer.ahead + " before this one.", "排队中：前面还有 " + answer.ahead + " 个任务。"); }
      else { say("Working… " + answer.doing, "正在处理…… " + (answer.doing_zh || answer.doing)); }
      bar.hidden = false;
      if (answer.share === null || answer.state === "waiting") { bar.removeAttribute("value"); } else { bar.value = answer.share; }
      timer = setTimeout(look, 400);
    }).catch(function () { if (asked === job) { silent(); } });
  }

  form.addEventListener("submit", function (event) {
    var data = new FormData(form);
    event.preventDefault();
    Object.keys(chosen).forEach(function (name) {
      var field = form.querySelector("input[type=file][name=" + name + "]");
      if (field && !field.files.length) { data.set(name, chosen[name].blob, chosen[name].name); }
    });
    var empty = Array.prototype.find.call(form.querySelectorAll("textarea, input[type=file]"), function (field) {
      return field.type === "file" ? !field.files.length && !chosen[field.name] : !field.value.trim();
    });
    if (empty) { fail(empty.type === "file" ? "choose a file first" : "the text is empty", empty.type === "file" ? "请先选择文件" : "请输入文本"); return; }
    data.set("panel", form.getAttribute("data-panel"));
    data.forEach(function (value) { if (value.name) { sent = value.name.replace(/\.\w+$/, ""); } });
    busy(true);
    result.textContent = "";
    say("Sending…", "正在发送……");
    fetch("/jobs", { method: "POST", body: data, headers: { "X-Companion": "1" } }).then(function (answer) {
      return answer.json();
    }).then(function (answer) {
      if (answer.error) { fail(answer.error, answer.error_zh); return; }
      job = answer.id;
      cancel.hidden = false;
      look();
    }).catch(silent);
  });

  cancel.addEventListener("click", function () {
    fetch("/jobs/" + job + "/cancel", { method: "POST", headers: { "X-Companion": "1" } });
  });

  form.querySelectorAll(".examples button").forEach(function (button) {
    var name = button.getAttribute("data-field");
    button.addEventListener("click", function () {
      if (button.hasAttribute("data-text")) { form.querySelector("[name=" + name + "]").value = button.getAttribute("data-text"); form.requestSubmit(go); return; }
      fetch(button.getAttribute("data-file")).then(function (answer) { return answer.blob(); }).then(function (blob) {
        form.querySelector("input[type=file][name=" + name + "]").value = "";
        chosen[name] = { blob: blob, name: button.getAttribute("data-name") };
        named(form.querySelector("input[type=file][name=" + name + "]"), button.getAttribute("data-name"));
        if (form.querySelector(".switch") && !switched()) { form.querySelector("[name=Eyeglasses]").value = "on"; choose(); }
        form.requestSubmit(go);
      }).catch(silent);
    });
  });
  function named(field, name) {
    var shown = field.parentNode.querySelector(".chosen");
    shown.textContent = "";
    shown.appendChild(name ? document.createTextNode(name) : both("no file yet", "尚未选择"));
  }
  form.querySelectorAll("input[type=file]").forEach(function (field) {
    field.addEventListener("change", function () { delete chosen[field.name]; named(field, field.files.length ? field.files[0].name : ""); });
    ["dragover", "dragleave", "drop"].forEach(function (kind) {
      form.addEventListener(kind, function (event) {
        event.preventDefault();
        form.classList.toggle("over", kind === "dragover");
        if (kind === "drop" && event.dataTransfer.files.length) {
          field.files = event.dataTransfer.files;
          field.dispatchEvent(new Event("change"));
        }
      });
    });
  });
  function switches() { return Array.prototype.slice.call(form.querySelectorAll(".switch select")); }
  function switched() { return switches().some(function (field) { return field.value; }); }
  function choose() { switches().forEach(function (field) { field.closest(".switch").querySelector(".strength").hidden = !field.value; }); }
  switches().forEach(function (field) { field.addEventListener("change", choose); });
  form.querySelectorAll("input[type=range]").forEach(function (slider) {
    var output = slider.parentNode.querySelector("output");
    if (output) { slider.addEventListener("input", function () { output.textContent = slider.value; }); }
  });
}

document.querySelectorAll("form[data-panel]").forEach(panel);
function choices() {
  var language = document.body.classList.contains("zh") ? "zh" : "en";
  document.querySelectorAll("option[data-zh]").forEach(function (option) { option.textContent = option.getAttribute("data-" + language); });
}
document.querySelectorAll(".language button").forEach(function (button) { button.addEventListener("click", choices); });
choices();
