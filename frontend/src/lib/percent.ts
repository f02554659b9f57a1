/** `0.4 %`, `12 %`: one digit after the point only where it says something. */
export function percent(value: number): string {
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} %`
}
