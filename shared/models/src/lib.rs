//! Language models over HTTP: Gemini, Anthropic, OpenAI and servers that speak its protocol, Bedrock, Ollama.
//!
//! It owns each provider's protocol: how a conversation is asked, how an answer, its usage, a refusal and an error are
//! told. It makes each call once: who calls repeats, saves and counts (`millrace_app::models::complete`). Signed HTTP is
//! `shared/client`. Start reading at [`Models`], then `anthropic.rs`.

mod anthropic;
mod bedrock;
mod callback;
mod config;
mod executor;
mod fault;
mod form;
mod gemini;
mod ollama;
mod openai;
mod prices;
mod schema;
mod stream;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use millrace_app::Error;
use millrace_app::models::{
    AgentRole, Asked, ChatAnswer, Finish, ModelCaller, ModelError, ModelRef, Price, PriceTable, Provider, TokenUsage,
    synced_prices,
};
use millrace_app::ports::{Ports, Secret, SecretStore};
use millrace_client::{Client, HttpError, Limits, Request, Response};
use serde_json::Value;

pub use callback::Callbacks;
pub use config::{Config, ConfigError};
pub use prices::builtin as builtin_prices;

use crate::form::Form;

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;
/// A key that was read is used so long before it is read again.
const KEY_SECONDS: u64 = 300;

/// Models as configured. A clone shares connections and what was learnt.
#[derive(Debug, Clone)]
pub struct Models(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Config,
    client: Client,
    callbacks: Callbacks,
    /// The form that a model took last, where it is not the first one.
    learnt: Mutex<HashMap<ModelRef, Form>>,
    keys: Mutex<HashMap<Provider, (Secret, Instant)>>,
    prices: Mutex<Prices>,
}

/// What models cost now.
#[derive(Debug)]
struct Prices {
    /// The content of what was synchronised, where anything was.
    synced: Option<String>,
    /// That over the built-in table, and what the operator says over both.
    table: PriceTable,
}

impl Prices {
    fn new(synced: Option<String>, table: &PriceTable, own: &PriceTable) -> Self {
        let mut all = prices::builtin();
        all.replace(table);
        all.replace(own);
        Self { synced, table: all }
    }
}

/// What a protocol needs to make a request.
pub(crate) struct Call<'a> {
    pub(crate) config: &'a Config,
    pub(crate) asked: Asked<'a>,
    pub(crate) form: Form,
    pub(crate) key: Option<Secret>,
}

impl Call<'_> {
    /// The configured address of the provider, without a slash at the end; else its own.
    pub(crate) fn base(&self, own: &str) -> String {
        self.config.urls.get(&self.asked.model.provider).map_or_else(|| own.to_owned(), Clone::clone)
    }

    /// Is the provider's address another than its own?
    pub(crate) fn elsewhere(&self) -> bool {
        self.config.urls.contains_key(&self.asked.model.provider)
    }

    /// A request in JSON. `secret` is a header with the key.
    pub(crate) fn post(
        &self,
        url: &str,
        secret: Option<(&'static str, String)>,
        body: &Value,
    ) -> Result<Request, ModelError> {
        let mut request =
            http::Request::post(url).header("content-type", "application/json").header("accept", "application/json");
        if let Some((name, value)) = secret {
            let mut value = http::HeaderValue::from_str(&value)
                .map_err(|_| ModelError::Unauthorized("the key has characters that no header takes".into()))?;
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        let body = serde_json::to_vec(body).map_err(|error| ModelError::InvalidRequest(error.to_string()))?;
        request.body(body.into()).map_err(|_| ModelError::InvalidRequest("the address can't be used".into()))
    }
}

impl Call<'_> {
    /// An answer; `model` is what the provider calls the model.
    pub(crate) fn told(&self, text: String, finish: Finish, usage: TokenUsage, model: Option<&Value>) -> ChatAnswer {
        let named = model.and_then(Value::as_str).filter(|name| !name.is_empty());
        ChatAnswer {
            text: form::unfenced(self.asked.request, text, finish),
            finish,
            usage,
            model: named.unwrap_or(&self.asked.model.model).to_owned(),
        }
    }

    /// What was used, where the provider does not tell.
    pub(crate) fn estimate(&self, text: &str) -> TokenUsage {
        TokenUsage {
            input: self.asked.request.input_tokens(),
            output: u64::try_from(text.len() / 2 + 1).unwrap_or(u64::MAX),
            cached_input: 0,
            estimated: true,
        }
    }
}

impl Models {
    /// Connects to nothing yet, and reads no certificates.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let client = Client::new(config.endpoints.clone());
        let callbacks = Callbacks::new(config.private_callbacks);
        let prices = Mutex::new(Prices::new(None, &PriceTable::default(), &config.prices));
        Self(Arc::new(Inner { config, client, callbacks, learnt: Mutex::default(), keys: Mutex::default(), prices }))
    }

    /// The same from the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with every malformed variable.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self::new(Config::from_env()?))
    }

    /// The provider's key: of the environment, else of the secrets.
    async fn key<P: Ports>(&self, ports: &P, provider: Provider) -> Result<Option<Secret>, ModelError> {
        if provider == Provider::Bedrock {
            return Ok(None);
        }
        if let Some(key) = self.0.config.keys.get(&provider) {
            return Ok(Some(key.clone()));
        }
        let known = |keys: &HashMap<Provider, (Secret, Instant)>| {
            let (key, at) = keys.get(&provider)?;
            (at.elapsed().as_secs() < KEY_SECONDS).then(|| key.clone())
        };
        if let Some(key) = known(&self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(Some(key));
        }
        let name = config::secret_name(provider);
        let found = ports.secrets().get(&name).await.map_err(|error| {
            tracing::error!(name, error = &error as &dyn std::error::Error, "a key can't be read");
            ModelError::Overloaded { retry_after: None, message: "the store of the keys does not answer".into() }
        })?;
        match found {
            Some(key) => {
                let mut keys = self.0.keys.lock().unwrap_or_else(PoisonError::into_inner);
                keys.insert(provider, (key.clone(), Instant::now()));
                Ok(Some(key))
            }
            // Servers of one's own often want none.
            None if self.0.config.urls.contains_key(&provider) || provider == Provider::Ollama => Ok(None),
            None => Err(ModelError::Unauthorized(format!(
                "there is no key for {}: store it as the secret {name}",
                provider.name()
            ))),
        }
    }

    async fn exchange(&self, call: &Call<'_>) -> Result<Result<ChatAnswer, ModelError>, ModelError> {
        let provider = call.asked.model.provider;
        let request = match provider {
            Provider::Gemini => gemini::request(call)?,
            Provider::Anthropic => anthropic::request(call)?,
            Provider::OpenAi => openai::request(call)?,
            Provider::Bedrock => bedrock::request(call, &self.0.client).await?,
            Provider::Ollama => ollama::request(call)?,
        };
        let limits = Limits { timeout: call.asked.timeout, body: LARGEST_ANSWER };
        let mut response = self.0.client.http().send(request, limits).await.map_err(unanswered)?;
        if let Some(key) = &call.key {
            response.body = without(response.body, key.expose());
        }
        if !(200..300).contains(&response.status) {
            return Ok(Err(fault::of(provider, &response)));
        }
        Ok(match provider {
            Provider::Gemini => gemini::answer(call, &response),
            Provider::Anthropic => anthropic::answer(call, &response),
            Provider::OpenAi => openai::answer(call, &response),
            Provider::Bedrock => bedrock::answer(call, &response),
            Provider::Ollama => ollama::answer(call, &response),
        })
    }

    fn learnt(&self, model: &ModelRef) -> Option<Form> {
        self.0.learnt.lock().unwrap_or_else(PoisonError::into_inner).get(model).copied()
    }

    fn learn(&self, model: &ModelRef, form: Form) {
        let mut learnt = self.0.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        if learnt.len() > 100 {
            learnt.clear();
        }
        learnt.insert(model.clone(), form);
    }
}

/// A body without the key that its request was made with: what is told of it is stored and shown, and some providers tell
/// the key that they refuse.
fn without(body: Bytes, key: &str) -> Bytes {
    if key.is_empty() || !body.windows(key.len()).any(|part| part == key.as_bytes()) {
        return body;
    }
    String::from_utf8_lossy(&body).replace(key, "(the key)").into()
}

fn unanswered(error: HttpError) -> ModelError {
    match error {
        HttpError::TimedOut { .. } => ModelError::Timeout(error.to_string()),
        HttpError::TooLarge { .. } => ModelError::InvalidAnswer(error.to_string()),
        HttpError::Unreachable { .. } | HttpError::Broken { .. } | HttpError::NoRoots => {
            ModelError::Connection(error.to_string())
        }
    }
}

/// Sets a member of an object.
pub(crate) fn set(object: &mut Value, name: &str, value: impl Into<Value>) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value.into());
    }
}

/// An answer's body as JSON, put together where it is a stream.
pub(crate) fn json(call: &Call<'_>, response: &Response) -> Result<Value, ModelError> {
    if stream::is_stream(response) {
        return stream::whole(call.asked.model.provider, response);
    }
    // Serde's message says where, and quotes nothing.
    serde_json::from_slice(&response.body).map_err(|error| ModelError::InvalidAnswer(format!("it is no JSON: {error}")))
}

impl ModelCaller for Models {
    fn model_for(&self, role: AgentRole) -> Option<ModelRef> {
        self.0.config.model_for(role).cloned()
    }

    fn can_call(&self, model: &ModelRef) -> bool {
        self.0.config.has(model.provider)
    }

    async fn prepare<P: Ports>(&self, ports: &P) -> Result<(), Error> {
        let known = self.0.prices.lock().unwrap_or_else(PoisonError::into_inner).synced.clone();
        if let Some((content, table)) = synced_prices(ports, known.as_deref()).await? {
            let fresh = Prices::new(content, &table, &self.0.config.prices);
            *self.0.prices.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
        }
        Ok(())
    }

    fn price(&self, model: &ModelRef) -> Option<Price> {
        self.0.prices.lock().unwrap_or_else(PoisonError::into_inner).table.of(model)
    }

    /// Where a provider takes neither the form nor a setting that another model would take, the call is made again in a
    /// plainer form: such an answer costs nothing. What a model took is remembered.
    async fn call<P: Ports>(&self, ports: &P, asked: Asked<'_>) -> Result<ChatAnswer, ModelError> {
        let started = Instant::now();
        let key = self.key(ports, asked.model.provider).await?;
        let first = Form::first(asked.model.provider, asked.request);
        let mut form = self.learnt(asked.model).map_or(first, |learnt| first.no_richer_than(learnt));
        loop {
            let timeout = asked.timeout.saturating_sub(started.elapsed());
            let call = Call { config: &self.0.config, asked: Asked { timeout, ..asked }, form, key: key.clone() };
            let answered = self.exchange(&call).await?;
            let Err(ModelError::InvalidRequest(message)) = &answered else {
                if form != first && answered.is_ok() {
                    self.learn(asked.model, form);
                }
                return answered;
            };
            let Some(plainer) = form.plainer(asked, message) else { return answered };
            tracing::info!(model = %asked.model, message, ?plainer, "the provider does not take the request's form");
            form = plainer;
        }
    }

    fn check_schema(&self, schema: &Value) -> Option<String> {
        schema::check(schema)
    }

    fn problems(&self, schema: &Value, value: &Value) -> Vec<String> {
        schema::problems(schema, value)
    }
}
