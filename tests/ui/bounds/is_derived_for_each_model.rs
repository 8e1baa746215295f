pub struct Plane {
    id: i64,
}

fn is_a_model<M: cache_runtime::__private::Model>() {}

fn uses() {
    is_a_model::<Plane>();
}

fn main() {}
