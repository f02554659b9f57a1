/** The signed-in operator's id: `authAPI.getMe` puts it here, the live channel takes it from here. */

const KEY = 'botdeck.user_id'

export function rememberUserId(userId: string): void {
  localStorage.setItem(KEY, userId)
}

export function userIdInStorage(): string | null {
  return localStorage.getItem(KEY)
}

export function forgetUserId(): void {
  localStorage.removeItem(KEY)
}
