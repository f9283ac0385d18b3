using Ioasis.Client;
using Ioasis.Core.Domains;

namespace Ioasis.Conformance.Dma;

/// <summary>
/// What a device reaches, as the bytes in memory show: nothing but what is mapped for it, with that access, now.
/// </summary>
public sealed class DmaTests : UapiTest
{
    private const int Length = 4000; // QEMU's edu stops the machine at all 4096 bytes of its buffer
    private static readonly Memory.Iova s_from = At(0x100000), s_to = At(0x200000);
    private readonly IommuContext _context;
    private readonly Ioas _ioas;
    private readonly UserMemory _source;
    private readonly UserMemory _destination;

    public DmaTests()
    {
        _context = OpenContext();
        _ioas = _context.AllocateIoas();
        _source = Pages(1);
        _destination = Pages(1);
    }

    public static TheoryData<string> Engines => ["edu", "dmatest"];

    [Theory, MemberData(nameof(Engines))]
    public void Bytes_go_both_ways(string model)
    {
        DmaEngine engine = Attached(model);
        Map();
        foreach (int length in (int[])[Length, 1, 3, 64, 1000])
        {
            Fill(length);
            engine.Fetch(s_from, length);
            engine.Store(s_to, length);
            Assert.Equal(Pattern(length, length), _destination.ToArray(0, length));
            Assert.Equal(new byte[Length - length], _destination.ToArray((ulong)length, Length - length));
        }
    }

    [Theory, MemberData(nameof(Engines))]
    public void A_DMA_goes_across_mappings_that_are_neighbours(string model)
    {
        DmaEngine engine = Attached(model);
        _ioas.Map(_destination, at: At(0x100000));
        _ioas.Map(_source, at: At(0x101000));
        UserMemory third = Pages(1);
        _ioas.Map(third, at: At(0x300000));
        byte[] bytes = Pattern(Length, 9);
        third.CopyFrom(0, bytes);
        engine.Fetch(At(0x300000), Length);
        engine.Store(At(0x100800), Length);
        Assert.Equal(bytes[..2048], _destination.ToArray(2048, 2048));
        Assert.Equal(bytes[2048..], _source.ToArray(0, Length - 2048));
        Assert.Equal(new byte[2048], _destination.ToArray(0, 2048));
    }

    [Theory, MemberData(nameof(Engines))]
    public void A_mapping_to_read_is_not_written(string model)
    {
        DmaEngine engine = Attached(model);
        _ioas.Map(_source, Read, s_from);
        _ioas.Map(_destination, Read, s_to);
        Fill(Length);
        engine.Fetch(s_from, Length);
        engine.Store(s_to, Length);
        Assert.Equal(new byte[Length], _destination.ToArray(0, Length));
        engine.Store(s_from, Length);
        Assert.Equal(Pattern(Length, Length), _source.ToArray(0, Length));
    }

    [Theory, MemberData(nameof(Engines))]
    public void A_mapping_to_write_is_not_read(string model)
    {
        DmaEngine engine = Attached(model);
        _ioas.Map(_source, MapAccess.Write, s_from);
        _ioas.Map(_destination, MapAccess.Write, s_to);
        Fill(Length);
        engine.Fetch(s_from, Length);
        engine.Store(s_to, Length);
        Assert.NotEqual(Pattern(Length, Length), _destination.ToArray(0, Length));
        _ioas.UnmapAll();
        _ioas.Map(_source, Read, s_from);
        _ioas.Map(_destination, MapAccess.Write, s_to);
        engine.Fetch(s_from, Length);
        engine.Store(s_to, Length);
        Assert.Equal(Pattern(Length, Length), _destination.ToArray(0, Length));
    }

    [Theory, MemberData(nameof(Engines))]
    public void Nothing_is_reached_before_an_attach_after_an_unmap_and_after_a_detach(string model)
    {
        DmaEngine engine = Bound(model);
        Map();
        Fill(Length);
        NothingArrives(engine);
        engine.Device.Attach(_ioas);
        Arrives(engine);
        _ioas.Unmap(s_to, Page);
        NothingArrives(engine);
        _ioas.Map(_destination, at: s_to);
        Arrives(engine);
        engine.Device.Detach();
        NothingArrives(engine);
        engine.Device.Attach(_ioas);
        Arrives(engine);
    }

    [Theory, MemberData(nameof(Engines))]
    public void Without_bus_mastering_nothing_leaves_the_device(string model)
    {
        DmaEngine engine = Attached(model);
        Map();
        Fill(Length);
        Arrives(engine);
        engine.Device.EnableBusMaster(false);
        NothingArrives(engine);
        engine.Device.EnableBusMaster();
        Arrives(engine);
    }

    [Theory, MemberData(nameof(Engines))]
    public void A_device_that_is_moved_reaches_what_is_there_and_no_more_what_was(string model)
    {
        DmaEngine engine = Attached(model);
        Map();
        Fill(Length);
        Arrives(engine);
        Ioas second = _context.AllocateIoas();
        UserMemory other = Pages(1);
        second.Map(other, at: s_to);
        engine.Device.Attach(second);
        NothingArrives(engine);
        engine.Device.Attach(_context.AllocateHwpt(engine.Device, _ioas));
        Arrives(engine);
        engine.Device.Attach(second);
        engine.Store(s_to, Length);
        Assert.Equal(Pattern(Length, Length), other.ToArray(0, Length));
    }

    [Theory, MemberData(nameof(Engines))]
    public void A_HWPT_follows_its_IOAS(string model)
    {
        DmaEngine engine = Bound(model);
        engine.Device.Attach(_context.AllocateHwpt(engine.Device, _ioas));
        Map();
        Fill(Length);
        Arrives(engine);
        _ioas.UnmapAll();
        NothingArrives(engine);
    }

    [Theory, MemberData(nameof(Engines))]
    public void A_copy_reaches_the_same_memory_and_outlives_its_source(string model)
    {
        Ioas first = _context.AllocateIoas();
        first.Map(_source, at: At(0x700000));
        first.Map(_destination, at: At(0x800000));
        DmaEngine engine = Attached(model);
        _ioas.Copy(first, At(0x700000), Page, Read, s_from);
        _ioas.Copy(first, At(0x800000), Page, ReadWrite, s_to);
        first.Destroy();
        Fill(Length);
        Arrives(engine);
    }

    [Theory, MemberData(nameof(Engines))]
    public void Bytes_of_a_file_are_reached_at_their_offset(string model)
    {
        UserFile file = Own(Nodes.CreateFile(4 * Page));
        DmaEngine engine = Attached(model);
        _ioas.MapFile(file, Page, Page, Read, s_from);
        _ioas.MapFile(file, 3 * Page, Page, at: s_to);
        byte[] bytes = Pattern(Length, 3);
        file.Memory.CopyFrom(Page, bytes);
        engine.Fetch(s_from, Length);
        engine.Store(s_to, Length);
        Assert.Equal(bytes, file.Memory.ToArray(3 * Page, Length));
        Assert.Equal(new byte[Length], file.Memory.ToArray(0, Length));
    }

    [Theory, MemberData(nameof(Engines))]
    public void Memory_that_the_program_gave_back_is_reached_as_it_was_or_not_at_all(string model)
    {
        DmaEngine engine = Attached(model);
        UserMemory gone = Nodes.Allocate(Page);
        gone.CopyFrom(0, Pattern(Length, 5));
        _ioas.Map(gone, Read, s_from);
        _ioas.Map(_destination, at: s_to);
        engine.Fetch(s_to, Length); // zeros: what arrives then is of the mapping, or nothing
        gone.Dispose();
        engine.Fetch(s_from, Length);
        engine.Store(s_to, Length);
        byte[] arrived = _destination.ToArray(0, Length);
        // Linux pins it. Of another process it cannot be pinned: then the access is refused, and the buffer is as it
        // was.
        if (arrived.Any(b => b != 0)) Assert.Equal(Pattern(Length, 5), arrived);
    }

    [Theory, MemberData(nameof(Engines))]
    public void Bytes_of_a_file_that_the_program_gave_back_stay_with_their_mapping(string model)
    {
        DmaEngine engine = Attached(model);
        UserFile gone = Nodes.CreateFile(Page);
        gone.Memory.CopyFrom(0, Pattern(Length, 5));
        _ioas.MapFile(gone, 0, Page, Read, s_from);
        _ioas.Map(_destination, at: s_to);
        gone.Dispose();
        engine.Fetch(s_from, Length);
        engine.Store(s_to, Length);
        Assert.Equal(Pattern(Length, 5), _destination.ToArray(0, Length));
    }

    [Theory, MemberData(nameof(Engines))]
    public void A_close_stops_the_device_and_the_next_program_starts_from_nothing(string model)
    {
        DmaEngine engine = Attached(model);
        Map();
        Fill(Length);
        Arrives(engine);
        engine.Device.Dispose();
        DmaEngine second = Bound(model);
        NothingArrives(second);
        second.Device.Attach(_ioas);
        Arrives(second);
    }

    [Theory, MemberData(nameof(Engines))]
    public void A_context_that_was_closed_lives_on_for_its_device(string model)
    {
        DmaEngine engine = Attached(model);
        Map();
        Fill(Length);
        _context.Handle.Dispose();
        Arrives(engine);
        engine.Device.Dispose();
        using IommuContext next = IommuContext.Open(Nodes);
        DmaEngine second = model == "edu"
            ? new EduEngine(OpenBound(EduNode, next))
            : new DmatestEngine(OpenBound(DmatestNode, next));
        NothingArrives(second);
    }

    [Fact]
    public void Devices_of_two_contexts_reach_each_their_own_memory()
    {
        DmaEngine edu = Attached("edu");
        Map();
        using NodeTransport otherProcess = Targets.Target.NewProcess();
        using IommuContext other = IommuContext.Open(otherProcess);
        using VfioDevice device = VfioDevice.Open(otherProcess, DmatestNode.Path);
        device.Bind(other);
        var dmatest = new DmatestEngine(device);
        using UserMemory theirs = otherProcess.Allocate(Page);
        using Ioas ioas = other.AllocateIoas();
        ioas.Map(theirs, at: s_to);
        device.Attach(ioas);
        Assert.Equal(edu.Device.Id + 1, device.Id + 2); // numbers alike, things apart
        Fill(Length);
        dmatest.Fetch(s_from, Length);
        Assert.Equal((DmatestEngine.Fault, DmatestEngine.NotMapped), (dmatest.Status, dmatest.Reason));
        dmatest.Buffer = Pattern(Length, 8);
        dmatest.Store(s_to, Length);
        Assert.Equal(Pattern(Length, 8), theirs.ToArray(0, Length));
        Assert.Equal(new byte[Length], _destination.ToArray(0, Length));
        Arrives(edu);
        Assert.Equal(Pattern(Length, 8), theirs.ToArray(0, Length));
    }

    private DmaEngine Bound(string model) =>
        model == "edu" ? new EduEngine(
            OpenBound(EduNode, _context)) : new DmatestEngine(OpenBound(DmatestNode, _context));

    private DmaEngine Attached(string model)
    {
        DmaEngine engine = Bound(model);
        engine.Device.Attach(_ioas);
        return engine;
    }

    private void Map()
    {
        _ioas.Map(_source, Read, s_from);
        _ioas.Map(_destination, at: s_to);
    }

    private void Fill(int length)
    {
        _source.CopyFrom(0, Pattern(length, length));
        _destination.Clear();
    }

    private void Arrives(DmaEngine engine)
    {
        _destination.Clear();
        engine.Fetch(s_from, Length);
        engine.Store(s_to, Length);
        Assert.Equal(Pattern(Length, Length), _destination.ToArray(0, Length));
    }

    private void NothingArrives(DmaEngine engine)
    {
        _destination.Clear();
        engine.Fetch(s_from, Length);
        engine.Store(s_to, Length);
        Assert.Equal(new byte[Length], _destination.ToArray(0, Length));
    }
}
