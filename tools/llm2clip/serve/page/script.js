const form = document.querySelector('form');
const field = document.getElementById('query');
const mostBytes = 23 << 20;  // of an image: in base64, what a request may have

// Keys that move a caret or choose an index are the form's, and not for going among images.
form.addEventListener('keydown', event => {
  if (event.target !== field || event.key !== 'ArrowDown') event.stopPropagation();
});
addEventListener('keydown', event => {
  if (event.key !== '/' || event.altKey || event.ctrlKey || event.metaKey) return;
  field.focus();
  field.select();
  event.preventDefault();
});

const dataUri = file => new Promise((done, failed) => {
  const reader = new FileReader();
  reader.onload = () => done(reader.result);
  reader.onerror = () => failed(reader.error);
  reader.readAsDataURL(file);
});

// What the server makes of an image is a page like any other; its results take the place of ours.
const pageFor = async file => {
  const index = form.elements.index?.value;
  const body = {image: await dataUri(file), index};
  const answer = await fetch('/', {
    method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body),
  });
  return new DOMParser().parseFromString(await answer.text(), 'text/html');
};

const show = (title, main) => {
  document.querySelector('main').replaceWith(main);
  document.title = title;
  main.querySelector('h1').focus();
};

const tell = words => {
  const main = document.createElement('main');
  const heading = document.createElement('h1');
  heading.tabIndex = -1;
  heading.textContent = words;
  main.append(heading);
  show(words, main);
};

let latest = 0;
const search = async file => {
  const turn = ++latest;
  if (file.size > mostBytes) return tell('The image has more than 23 MiB.');
  document.querySelector('main').setAttribute('aria-busy', 'true');
  try {
    const page = await pageFor(file);
    if (turn !== latest) return;
    const main = page.querySelector('main');
    const asked = document.createElement('img');
    asked.className = 'asked';
    asked.alt = 'The image that was looked for';
    asked.src = URL.createObjectURL(file);
    asked.onload = () => URL.revokeObjectURL(asked.src);
    main.prepend(asked);
    field.value = '';
    show(page.title, main);
  } catch {
    if (turn === latest) tell('The server cannot be reached.');
  }
};

const images = document.getElementById('image-field');
if (images.dataset.taken !== undefined) {
  images.hidden = false;
  const choose = document.getElementById('image');
  choose.addEventListener('change', () => {
    if (choose.files[0]) search(choose.files[0]);
    choose.value = '';
  });
  addEventListener('paste', event => {
    const file = event.clipboardData.files[0];
    if (!file) return;
    event.preventDefault();
    search(file);
  });
  const dropping = event => {
    const files = event.dataTransfer.types.includes('Files');
    if (files) event.preventDefault();
    document.body.classList.toggle('dropping', files && event.type === 'dragover');
    return files;
  };
  addEventListener('dragover', dropping);
  addEventListener('dragleave', dropping);
  addEventListener('drop', event => {
    if (dropping(event) && event.dataTransfer.files[0]) search(event.dataTransfer.files[0]);
  });
}
