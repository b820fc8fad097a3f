# frozen_string_literal: true

require "json"

module Tensorfile
  # An open file: a snapshot of one generation, or a file of another format. It holds
  # Tensors by name and is enumerable over them.
  class File
    include Enumerable

    # Opened by Tensorfile.open and its like.
    def self.opened(how, args, options)
      file = new(how, args, options)
      return file unless block_given?

      begin
        yield file
      ensure
        file.close
      end
    end

    FLAGS = { mmap: [1, false], map_remote: [2, true], verify: [4, true], native_only: [8, true] }.freeze
    private_constant :FLAGS

    def initialize(how, args, options)
      @handle = how == :given ? args : open_handle(how, args, options)
      # The bytes of open_memory are read until the file is closed.
      @memory = args if how == :open_memory
      ObjectSpace.define_finalizer(self, File.closer(@handle, @memory))
    end

    # What closes a file that nobody has closed. It holds the memory until then.
    def self.closer(handle, _memory)
      proc do
        Library.close(handle)
      rescue Error
        nil # closed by hand, or in the child of a fork
      end
    end

    # Closes the file. Its Tensors raise Closed from now on. Closing twice does nothing.
    def close
      return if closed?

      handle = @handle
      @handle = nil
      ObjectSpace.undefine_finalizer(self)
      Library.close(handle)
      @memory = nil
    end

    def closed? = @handle.nil?

    # Names of all tensors, ordered by their bytes in files of this format.
    def names = list.map { |d| d[:name] }
    alias keys names

    # The tensor of that name; NotFound if there is none.
    def [](name)
      Tensor.new(self, Library.number(:lookup, handle, Library.string(name)))
    end

    # The tensor of that name, or what the block gives where there is none.
    def fetch(name)
      self[name]
    rescue NotFound
      raise unless block_given?

      yield name
    end

    def key?(name)
      fetch(name) { return false }
      true
    end
    alias include? key?

    def each
      return enum_for(:each) unless block_given?

      names.each { |name| yield self[name] }
      self
    end

    # Number of tensors, parts of composites not counted.
    def size = info[:tensors]

    # Descriptions of all tensors, as Tensor#info, with one call.
    def list
      room = "\0".b * 16
      Library.list_tensors(handle, room)
      Description.list(room)
    end

    # The file's own attributes.
    def attributes = JSON.parse(Library.text(:file_attributes, handle))

    # What the file says of itself: format, uuid, generation, time, length, size,
    # tensors, mapped, read_only.
    def info
      room = "\0".b * 112
      Library.describe_file(handle, room)
      format, uuid, generation, time, length, size, tensors, mapped, read_only = room.unpack("Z24Z40QqqqqlL")
      { format: format, uuid: uuid.empty? ? nil : uuid, generation: generation, time: File.time(time), length: length,
        size: size, tensors: tensors, mapped: mapped != 0, read_only: read_only != 0 }
    end

    # The commits, newest first: number, previous, time, length, bytes, live.
    def generations
      room = "\0".b * 16
      Library.generations(handle, Fiddle::Pointer[room], Fiddle::Pointer[room] + 8)
      address, count = room.unpack("JQ")
      bytes = Fiddle::Pointer.new(address)[0, 48 * count]
      Array.new(count) do |i|
        number, previous, time, length, added, live = bytes.byteslice(48 * i, 48).unpack("QQqqqq")
        { number: number, previous: previous, time: File.time(time), length: length, bytes: added, live: live }
      end
    ensure
      Library.free(address) if address
    end

    # Checks structure and checksums of all generations and returns the report, a Hash
    # with "status", "findings" and others. Damage is a report, not an exception.
    def verify(quick: false, sample: 0, workers: 0, decode: false)
      options = [32, quick ? 1 : 0, workers, sample, decode ? 1 : 0, 0].pack("Qlldll")
      ok = "\0".b * 4
      room = "\0".b * 8
      Library.verify(handle, options, ok, room, nil)
      JSON.parse(Library.take_text(room.unpack1("J")))
    end

    # Raises Changed if the file on disk is no longer the one that was opened.
    def check
      Library.check(handle)
      self
    end

    # A File on the newest generation, or nil if there is none that is newer.
    def refresh
      newer = Library.number(:refresh, handle)
      newer.zero? ? nil : File.new(:given, newer, nil)
    end

    # The number that the library knows the file by.
    def handle = @handle || raise(Closed, "the file is closed")

    def inspect = closed? ? "#<Tensorfile::File closed>" : "#<Tensorfile::File #{info[:format]}, #{size} tensors>"

    # A time of the library, nanoseconds since 1970; nil for none.
    def self.time(nanoseconds) = nanoseconds.zero? ? nil : Time.at(0, nanoseconds, :nsec).utc

    private

    def open_handle(how, args, options)
      flags = FLAGS.sum { |name, (bit, value)| options.fetch(name, !value) == value ? bit : 0 }
      unknown = options.keys - FLAGS.keys - %i[generation workers max_bytes]
      raise ArgumentError, "unknown options: #{unknown.join(', ')}" unless unknown.empty?

      args = args.map { |a| a.is_a?(String) && how != :open_memory ? Library.string(a) : a }
      packed = [32, flags, options.fetch(:workers, 0), options.fetch(:generation, 0), options.fetch(:max_bytes, 0)].pack("QLlQq")
      Library.number(how, *args, packed)
    end
  end

  # What tensorfile_info says, as a Hash.
  module Description
    SIZE = 136
    LAYOUTS = %i[dense coo csr csc bsr csf bitmap ragged string quantised].freeze
    STORED = %i[none raw chunked stream].freeze

    # Those of a struct tensorfile_list, which is freed.
    def self.list(room)
      count, items = room.unpack("QJ")
      Array.new(count) { |i| at(items + SIZE * i) }
    ensure
      Library.list_free(room)
    end

    def self.at(address)
      name, dtype_name, codec, shape, strides, chunk, descriptor, rank, layout, flags, parts, kind, big, elements, nbytes, stored,
        offset, storage, generation = Fiddle::Pointer.new(address)[0, SIZE].unpack("J6a16llLlllqqqqQQ")
      text = ->(at) { Fiddle::Pointer.new(at).to_s.force_encoding(Encoding::UTF_8) }
      numbers = ->(at) { rank.zero? ? [] : Fiddle::Pointer.new(at)[0, 8 * rank].unpack("q*") }
      { name: text[name], dtype: text[dtype_name], descriptor: descriptor, shape: numbers[shape], strides: numbers[strides],
        chunk: chunk.zero? ? nil : numbers[chunk], codec: text[codec], layout: LAYOUTS.fetch(layout, layout), flags: flags,
        parts: parts, stored_as: STORED.fetch(kind, kind), big_endian: big != 0, elements: elements, nbytes: nbytes,
        stored: stored, offset: offset.negative? ? nil : offset, storage: storage, generation: generation }
    end
  end
end
