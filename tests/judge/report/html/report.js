"use strict";
// Copying: the clipboard where the browser lends it to a page from a file, the older command where it does not, and
// else the text is selected, so that the reader copies it.
function select(element) {
  const range = document.createRange();
  range.selectNodeContents(element);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(range);
}

async function copied(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
    return true;
  } catch {
    select(element);
    return document.execCommand("copy");
  }
}

const said = document.getElementById("said");
let forget = () => {};

for (const button of document.querySelectorAll("[data-copies]")) {
  const label = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const done = await copied(document.getElementById(button.dataset.copies));
    forget();
    button.textContent = done ? "Copied" : "Selected";
    button.classList.toggle("done", done);
    said.textContent = done ? "Copied to the clipboard." : "Selected: copy it with Ctrl+C or ⌘C.";
    const timer = setTimeout(() => forget(), 3000);
    forget = () => {
      clearTimeout(timer);
      button.textContent = label;
      button.classList.remove("done");
      said.textContent = "";
      forget = () => {};
    };
  });
}

// Heat maps: a number is told in full where the pointer is, or where the arrow keys went.
const STEPS = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};

function within(value, size) {
  return Math.max(0, Math.min(size - 1, value));
}

for (const maps of document.querySelectorAll("[data-numbers]")) {
  const {rows, columns, numbers, at} = JSON.parse(maps.dataset.numbers);
  const readout = document.getElementById(maps.getAttribute("aria-describedby"));
  let [row, column] = at;

  function go(toRow, toColumn) {
    row = within(toRow, rows.length);
    column = within(toColumn, columns.length);
    const [expected, got, allowed, error] = numbers[row][column];
    const limit = {"0": "nothing else", "inf": "anything"}[allowed] ?? `±${allowed}`;
    readout.textContent =
      `[${[rows[row], columns[column]].filter(Boolean).join(", ")}] expected ${expected}, got ${got}, allowed ${limit}, error ${error}`;
    for (const here of maps.querySelectorAll(".here")) here.classList.remove("here");
    for (const table of maps.querySelectorAll("table")) table.tBodies[0].rows[row].cells[column + 1].classList.add("here");
    for (const cursor of maps.querySelectorAll(".cursor")) {
      cursor.setAttribute("x", column);
      cursor.setAttribute("y", row);
      cursor.classList.add("here");
    }
  }

  maps.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (step && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      go(row + step[0], column + step[1]);
      maps.querySelector(".here").scrollIntoView({block: "nearest", inline: "nearest"});
    }
  });
  maps.addEventListener("focus", () => go(row, column));
  const point = (event) => {
    const cell = event.target.closest("tbody td");
    const heat = event.target.closest(".heat");
    if (cell) go(cell.parentElement.sectionRowIndex, cell.cellIndex - 1);
    if (heat) {
      const box = heat.getBoundingClientRect();
      const [x, y] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      go(Math.floor(y * rows.length), Math.floor(x * columns.length));
    }
  };
  maps.addEventListener("pointermove", point);
  maps.addEventListener("pointerdown", point);
}
