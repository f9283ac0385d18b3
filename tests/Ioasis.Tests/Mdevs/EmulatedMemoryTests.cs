using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Devices;
using Ioasis.Machine.Description;
using Ioasis.Memory;

namespace Ioasis.Tests.Mdevs;

/// <summary>An emulated mdev reaches its program's memory: it reads, writes and pins, and is told of unmaps.</summary>
public sealed class EmulatedMemoryTests : IDisposable
{
    private const ulong Page = 4096;
    private static readonly Iova s_at = new(0x100000);
    private static Reacher? s_created;
    private readonly MdevMachine _machine;

    public EmulatedMemoryTests()
    {
        MdevParentRegistry.TryAdd("reacher", static () => new Parent());
        _machine = new MdevMachine("reacher");
        const string create = "/sys/devices/virtual/reacher/reacher/mdev_supported_types/reacher-a/create";
        Assert.Equal(Errno.None, _machine.Write(create, MdevMachine.First)());
    }

    public void Dispose() => _machine.Dispose();

    [Fact]
    public void ItReadsWritesAndPinsWhatIsMapped()
    {
        Reacher model = s_created!;
        using IommuContext context = IommuContext.Open(_machine.Nodes);
        using UserMemory memory = _machine.Nodes.Allocate(2 * Page);
        using Ioas ioas = context.AllocateIoas();
        ioas.Map(memory, at: s_at);
        VfioDevice device = VfioDevice.Open(_machine.Nodes, _machine.Machine.Mdevs[0].VfioNode);
        device.Bind(context);
        var bytes = new byte[8];
        Assert.False(model.Slot!.TryRead(s_at, bytes)); // not attached
        device.Attach(ioas);
        memory.Write(Page - 4, 0x1122334455667788ul);
        Assert.True(model.Slot.TryRead(new Iova(s_at.Value + Page - 4), bytes));
        Assert.Equal(0x1122334455667788ul, BitConverter.ToUInt64(bytes));
        Assert.True(model.Slot.TryWrite(new Iova(s_at.Value + 1), "odd"u8));
        Assert.Equal((byte)'o', memory.Read<byte>(1));

        Assert.False(model.Slot.TryPin(s_at, 0, true, out _));
        Assert.False(model.Slot.TryPin(s_at, 3, true, out _)); // the third is not mapped
        Assert.True(model.Slot.TryPin(new Iova(s_at.Value + 5), 2, true, out model.Pinned));
        Assert.Equal((s_at, 2 * Page), (model.Pinned!.First, model.Pinned.Length));
        Assert.True(model.Pinned.TryRead(Page - 4, bytes));
        Assert.Equal(0x1122334455667788ul, BitConverter.ToUInt64(bytes));
        Assert.True(model.Pinned.TryWrite(Page - 2, "over"u8));
        Assert.Equal((byte)'r', memory.Read<byte>(Page + 1));
        Assert.False(model.Pinned.TryRead((2 * Page) - 4, bytes)); // beyond the end

        ioas.Unmap(s_at, 2 * Page); // returns because the mdev unpins
        Assert.Equal((s_at, 2 * Page), model.Told);
        Assert.False(model.Pinned.TryRead(0, bytes));
        Assert.False(model.Slot.TryRead(s_at, bytes));
        device.Detach();
        Assert.Equal(ulong.MaxValue, model.Told.Length);
        device.Dispose();
        Assert.Null(model.Slot);
    }

    /// <summary>
    /// An unmap and a detach tell the mdev of the same pages. The unmap's thread has taken them and does not come to
    /// unpin them before the detach is over.
    /// </summary>
    [Fact]
    public async Task PagesThatOneThreadIsAboutToUnpinAreUnpinnedWhenADetachOfAnotherReturns()
    {
        Reacher model = s_created!;
        using IommuContext context = IommuContext.Open(_machine.Nodes);
        using UserMemory memory = _machine.Nodes.Allocate(Page);
        using Ioas ioas = context.AllocateIoas();
        ioas.Map(memory, at: s_at);
        using VfioDevice device = VfioDevice.Open(_machine.Nodes, _machine.Machine.Mdevs[0].VfioNode);
        device.Bind(context);
        device.Attach(ioas);
        Assert.True(model.Slot!.TryPin(s_at, 1, true, out model.Pinned));
        IPinnedPages pinned = model.Pinned!;
        using var hasTaken = new ManualResetEventSlim();
        using var mayUnpin = new ManualResetEventSlim();
        Exception? thrown = null;
        model.WhenTaken = taken =>
        {
            hasTaken.Set();
            mayUnpin.Wait(TestContext.Current.CancellationToken);
            thrown = Record.Exception(taken.Dispose);
        };
        var unmap = Task.Run(() => ioas.Unmap(s_at, Page), TestContext.Current.CancellationToken);
        hasTaken.Wait(TestContext.Current.CancellationToken);

        device.Detach();
        bool isStillPinned = pinned.TryRead(0, new byte[1]);
        mayUnpin.Set();
        await unmap;
        Assert.Null(thrown);
        Assert.False(isStillPinned);
    }

    private sealed class Parent : IMdevParent
    {
        public IReadOnlyList<MdevType> MdevTypes { get; } = [new Type()];

        public int MaxMdevs => 1;
    }

    private sealed class Type : MdevType
    {
        public override string Name => "a";

        public override MdevStatus Create(Guid uuid, out Mdev? mdev)
        {
            mdev = s_created = new Reacher();
            return MdevStatus.Ok;
        }
    }

    private sealed class Reacher : EmulatedMdev
    {
        internal IPinnedPages? Pinned;
        internal Action<IPinnedPages>? WhenTaken;

        internal IMdevSlot? Slot { get; private set; }

        internal (Iova First, ulong Length) Told { get; private set; }

        public override IReadOnlyList<ulong> RegionSizes { get; } = new ulong[9];

        public override bool IsToldOfUnmaps => true;

        public override void Open(IMdevSlot slot) => Slot = slot;

        public override void Close() => Slot = null;

        public override void Reset()
        {
        }

        public override uint Read(int region, ulong offset, int width) => 0;

        public override void Write(int region, ulong offset, int width, uint value)
        {
        }

        public override void Unmapped(Iova first, ulong length)
        {
            Told = (first, length);
            if (WhenTaken is null) Pinned?.Dispose();
            else if (Interlocked.Exchange(ref Pinned, null) is { } taken) WhenTaken(taken);
        }
    }
}
