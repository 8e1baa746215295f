//! Looks after parked sheets as an operator would, while all others go on.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::Fault;
use crate::rows::Rows;

const ROUND: Duration = Duration::from_millis(700);

/// Until it is told to stop. The servers may be away meanwhile.
pub(crate) async fn run(rows: Arc<dyn Rows>, mut stop: watch::Receiver<bool>) -> Result<(), Fault> {
    while !*stop.borrow() {
        if let Err(error) = rows.skip_parked().await
            && error.kind() == cache_runtime::ErrorKind::Configuration
        {
            return Err(error.into());
        }
        tokio::select! {
            () = tokio::time::sleep(ROUND) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
    Ok(())
}
