"use strict";
const form = document.getElementById("worksheet");
form.elements.text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit();
  }
});
form.addEventListener("submit", () => {
  const button = form.querySelector("button");
  button.textContent = "Running …";
  // Disabled only after the form was sent, so that it is sent.
  setTimeout(() => { button.disabled = true; });
});
