// Numbers, money and moments as text. Always English notation and UTC, so that a report reads the same
// everywhere.

const UNDEFINED = "–";

const formats = new Map();

function numberFormat(options) {
  const key = JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat("en-US", options));
  return formats.get(key);
}

function absent(value) {
  return value === null || value === undefined || Number.isNaN(value);
}

/** A true minus sign; a hyphen is too short to be seen. What rounds to zero has none. */
function minus(text) {
  return text.replace(/^-/, /[1-9]/.test(text) ? "−" : "");
}

function number(value, digits = 2) {
  if (absent(value)) return UNDEFINED;
  return minus(numberFormat({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value));
}

function count(value) {
  return number(value, 0);
}

/** A number of unknown size: four significant digits. */
function significant(value) {
  if (absent(value)) return UNDEFINED;
  return minus(numberFormat({ maximumSignificantDigits: 4 }).format(value));
}

/** An exact decimal as it was recorded, thousands apart. */
function decimal(text) {
  const [whole, fraction] = String(text).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return minus(fraction === undefined ? grouped : `${grouped}.${fraction}`);
}

function percent(value, digits = 1) {
  if (absent(value)) return UNDEFINED;
  return `${number(value * 100, digits)}%`;
}

function signedPercent(value, digits = 1) {
  if (absent(value)) return UNDEFINED;
  const text = percent(value, digits);
  return value > 0 ? `+${text}` : text;
}

function currencyFormat(options) {
  try {
    return numberFormat({ style: "currency", currency: report.main.currency, ...options });
  } catch {
    // Not every currency has a code that the browser knows.
    const plain = numberFormat(options);
    return { format: (value) => `${plain.format(value)} ${report.main.currency}` };
  }
}

/** Money; whole units where cents would be noise. */
function money(value, digits = 2) {
  if (absent(value)) return UNDEFINED;
  return minus(currencyFormat({ minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value));
}

function signedMoney(value, digits = 2) {
  if (absent(value)) return UNDEFINED;
  return value > 0 ? `+${money(value, digits)}` : money(value, digits);
}

/** Money on an axis, `$95K`, as fine as the step from tick to tick asks for. */
function moneyTick(value, step) {
  if (Math.abs(value) < 1000 || step < 100) return money(value, step < 1 ? 2 : 0);
  const digits = Math.abs(value) >= 1e6 ? 2 : step < 1000 ? 1 : 0;
  return minus(currencyFormat({ notation: "compact", maximumFractionDigits: digits, minimumFractionDigits: 0 }).format(value));
}

/** A share on an axis. */
function percentTick(value, step) {
  return percent(value, step < 0.01 ? 1 : 0);
}

/** `2004-01-05`, of seconds since 1970. */
function day(seconds) {
  if (absent(seconds)) return UNDEFINED;
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

/** `2004-01-05 21:00 UTC`. */
function moment(seconds) {
  if (absent(seconds)) return UNDEFINED;
  return `${new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC`;
}

/** A statistic in its unit. */
function figure(row) {
  if (!row || absent(row.value)) return UNDEFINED;
  switch (row.unit) {
    case "fraction": return percent(row.value, 2);
    case "currency": return money(row.value);
    default: return number(row.value, 2);
  }
}

/** `1 fill`, `2 fills`. */
function plural(howMany, one, many = `${one}s`) {
  return `${count(howMany)} ${howMany === 1 ? one : many}`;
}

/** The first letter as a capital, for what stands at a line's beginning. */
function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
