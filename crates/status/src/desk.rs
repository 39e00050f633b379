// SPDX-License-Identifier: Apache-2.0
//! Carries out one write against the API server.

use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client};
use postern_api::crd::{HostClaim, Tenant};
use serde_json::Value;

use crate::call::{CallError, call};
use crate::task::{Target, Task, Write, Written};
use crate::view::{Address, Ingress, Service, Watched};

/// The way to the cluster.
#[derive(Clone)]
pub(crate) struct Desk {
    client: Client,
    field_manager: String,
}

impl Desk {
    /// Writes under that name.
    pub(crate) fn new(client: Client, field_manager: String) -> Self {
        Self { client, field_manager }
    }

    /// Carries out a write.
    pub(crate) async fn write(&self, task: Task) -> Result<Written, CallError> {
        let Task { target, write, .. } = task;
        match (target, write) {
            (Target::Claim(name), write) => self.claim(&name, write).await,
            (Target::Ingress((namespace, name)), Write::Ingress(body)) => {
                let api: Api<Ingress> = Api::namespaced(self.client.clone(), &namespace);
                let (manner, body) = (self.apply(), Patch::Apply(body));
                let answer = call(api.patch_status(&name, &manner, &body)).await;
                answer.map(|object| Written::Ingress(object.keep()))
            }
            (Target::Tenant(name), Write::Tenant(body)) => {
                let api: Api<Tenant> = Api::all(self.client.clone());
                let (manner, body) = (self.apply(), Patch::Apply(body));
                let answer = call(api.patch_status(&name, &manner, &body)).await;
                answer.map(|object| Written::Tenant(Box::new(object.keep())))
            }
            (Target::Event(namespace, name), write) => {
                let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
                self.event(&api, &name, write).await.map(|()| Written::Event)
            }
            // A plan pairs targets with their own writes.
            (Target::Ingress(_) | Target::Tenant(_), _) => Err(CallError::Missing),
        }
    }

    async fn claim(&self, name: &str, write: Write) -> Result<Written, CallError> {
        let api: Api<HostClaim> = Api::all(self.client.clone());
        let merge = PatchParams {
            field_manager: Some(self.field_manager.clone()),
            ..PatchParams::default()
        };
        let object = match write {
            Write::CreateClaim(object) => call(api.create(&self.post(), &object)).await?,
            Write::ClaimSpec(body) => call(api.patch(name, &merge, &Patch::Merge(body))).await?,
            Write::ClaimStatus(body) => {
                call(api.patch_status(name, &merge, &Patch::Merge(body))).await?
            }
            Write::DeleteClaim { uid, resource_version } => {
                let preconditions = Some(Preconditions { uid, resource_version });
                let manner = DeleteParams { preconditions, ..DeleteParams::default() };
                return call(api.delete(name, &manner)).await.map(|_| Written::NoClaim);
            }
            _ => return Err(CallError::Missing),
        };
        Ok(Written::Claim(object.keep()))
    }

    /// Says it, or says it again: whichever is possible.
    async fn event(&self, api: &Api<Event>, name: &str, write: Write) -> Result<(), CallError> {
        match write {
            Write::NewEvent(event, again) => match self.create(api, &event).await {
                Err(CallError::Exists) => self.again(api, name, &again).await,
                answer => answer,
            },
            Write::RepeatEvent(event, again) => match self.again(api, name, &again).await {
                Err(CallError::Missing) => self.create(api, &event).await,
                answer => answer,
            },
            _ => Err(CallError::Missing),
        }
    }

    async fn create(&self, api: &Api<Event>, event: &Event) -> Result<(), CallError> {
        call(api.create(&self.post(), event)).await.map(drop)
    }

    async fn again(&self, api: &Api<Event>, name: &str, again: &Value) -> Result<(), CallError> {
        call(api.patch(name, &PatchParams::default(), &Patch::Merge(again))).await.map(drop)
    }

    /// The addresses of a Service; nothing if there is no such Service.
    pub(crate) async fn addresses(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Vec<Address>>, CallError> {
        let api: Api<Service> = Api::namespaced(self.client.clone(), namespace);
        Ok(call(api.get_opt(name)).await?.map(Service::addresses))
    }

    /// Server-side apply.  Force, since somebody else may have written the field before us; whoever goes on doing so
    /// gets it (see `contention`).
    fn apply(&self) -> PatchParams {
        PatchParams::apply(&self.field_manager).force()
    }

    fn post(&self) -> PostParams {
        PostParams { field_manager: Some(self.field_manager.clone()), ..PostParams::default() }
    }
}
