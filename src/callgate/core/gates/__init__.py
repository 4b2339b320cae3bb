"""One file per gate. A gate answers with findings; it never raises for a bad call and never stops another gate."""
