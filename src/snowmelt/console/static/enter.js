"use strict";
// The token stands behind the #, which browsers send to nobody. It leaves the address before anything else happens.
const form = document.getElementById("enter");
form.elements.token.value = location.hash.slice(1);
history.replaceState(null, "", location.pathname);
form.submit();
