const form = document.getElementById('form');
const said = document.getElementById('said');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  said.textContent = '';
  const token = document.getElementById('token').value;
  const answer = await fetch('/api/session', {
    method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify({token}),
  }).catch(() => null);
  if (answer?.ok) location.replace('/');
  else said.textContent = answer ? (await answer.json()).error : 'memwatch does not answer';
});
