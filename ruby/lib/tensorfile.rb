# frozen_string_literal: true

require_relative "tensorfile/version"
require_relative "tensorfile/library"
require_relative "tensorfile/error"
require_relative "tensorfile/packed"
require_relative "tensorfile/selection"
require_relative "tensorfile/tensor"
require_relative "tensorfile/file"
require_relative "tensorfile/writer"

# Tensor files from Ruby, by libtensorfile.
#
#   Tensorfile.create("weights.tensor") do |w|
#     w.write "weight", [[0, 1, 2], [3, 4, 5]], dtype: "f32", dims: %w[row column]
#   end
#   Tensorfile.open("weights.tensor") do |f|
#     f["weight"].read(0..1, 2).to_a   # => [2.0, 5.0]
#   end
#
# A File and its Tensors may be used by many threads; Ruby's other threads run while
# a call of the library is under way. In a process that was forked after the library
# was loaded every call raises Forked.
module Tensorfile
  class << self
    # Opens the file at path for reading, of this format or another that the library
    # knows (Tensorfile.formats). With a block the File is closed behind it, and the
    # block's value returned. Options: generation (an older one of the file), mmap
    # (false: read, never map), native_only, verify (true: check checksums on first
    # use), workers (threads of one read; 0: one per processor), max_bytes.
    def open(path, **options, &block)
      File.opened(:open, [path.to_s], options, &block)
    end

    # Opens a file that stands in a String, which must not be changed meanwhile.
    def open_memory(bytes, **options, &block)
      File.opened(:open_memory, [bytes, bytes.bytesize], options, &block)
    end

    # Opens the object at an http or https address by ranges.
    def open_url(address, **options, &block)
      File.opened(:open_url, [address.to_s], options, &block)
    end

    # Begins a new file at path, which appears with the commit. With a block there is
    # one at its end, or no file if it raises. Options: overwrite, deterministic,
    # no_sync, align, time (a Time).
    def create(path, overwrite: false, deterministic: false, no_sync: false, align: 0, time: nil, &block)
      options = [32, flag(overwrite), flag(deterministic), flag(no_sync), align, nanoseconds(time)].pack("Qllllq")
      Writer.opened(:create, path.to_s, options, &block)
    end

    # Opens a file of this format for appending and editing. With a block there is a
    # commit at its end, or none if it raises. Options: wait (seconds, for another
    # writer), remote_fs, time.
    def edit(path, wait: 0, remote_fs: false, time: nil, &block)
      options = [24, (wait * 1000).ceil, flag(remote_fs), nanoseconds(time)].pack("Qllq")
      Writer.opened(:edit, path.to_s, options, &block)
    end

    # Names of the formats that are read.
    def formats
      Library.formats.to_s.split
    end

    # Version of the library, which may differ from that of the gem.
    def library_version
      Library.version.to_s
    end

    private

    def flag(value) = value ? 1 : 0

    def nanoseconds(time) = time ? time.to_i * 1_000_000_000 + time.nsec : 0
  end
end
