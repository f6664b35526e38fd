//! Memory that is used again, so that a step does not have the system clear pages anew.

/// Buffers that nobody uses at the moment.
#[derive(Debug, Default)]
pub struct Buffers {
    vacant: Vec<Vec<f32>>,
}

impl Buffers {
    /// A buffer of this length with anything in it.
    pub fn take(&mut self, length: usize) -> Vec<f32> {
        let fitting = self.vacant.iter().enumerate().filter(|(_, buffer)| buffer.capacity() >= length);
        let best = fitting.min_by_key(|(_, buffer)| buffer.capacity()).map(|(at, buffer)| (at, buffer.capacity()));
        if let Some((at, capacity)) = best
            && capacity <= 2 * length + 1024
        {
            let mut buffer = self.vacant.swap_remove(at);
            buffer.resize(length, 0.0);
            return buffer;
        }
        // Too small for this use, so likely for the next like it.
        let smaller = self.vacant.iter().enumerate().filter(|(_, buffer)| buffer.capacity() < length);
        if let Some((at, _)) = smaller.max_by_key(|(_, buffer)| buffer.capacity()) {
            self.vacant.swap_remove(at);
        }
        vec![0.0; length]
    }

    /// A buffer of zeros.
    pub fn zeros(&mut self, length: usize) -> Vec<f32> {
        let mut buffer = self.take(length);
        buffer.fill(0.0);
        buffer
    }

    /// A copy.
    pub fn copy(&mut self, values: &[f32]) -> Vec<f32> {
        let mut buffer = self.take(values.len());
        buffer.copy_from_slice(values);
        buffer
    }

    /// Returns a buffer.
    pub fn give(&mut self, buffer: Vec<f32>) {
        if buffer.capacity() > 0 {
            self.vacant.push(buffer);
        }
    }
}
