using System.Buffers.Binary;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core.Faults;
using Ioasis.Core.Walks;
using Ioasis.Machine;
using Ioasis.Memory;

namespace Ioasis.Tests.Mdevs;

/// <summary>PASIDs of programs that have mdevs: how many, until when, and of which mdevs.</summary>
public sealed class PartPasidTests : IDisposable
{
    private const string Parent = "1000:00:05.0", Function = $"/sys/devices/pci1000:00/{Parent}";
    private const string First = MdevMachine.First, Second = "83b8f4f2-509f-382f-3c1e-e6bfe0fa1002";
    private const uint Done = 1, Fault = 2, NotAttached = 1;
    private static readonly Iova s_at = new(0x100000);
    private MdevMachine? _machine;

    public void Dispose() => _machine?.Dispose();

    [Fact]
    public void TheyEndWithTheirPartAndAreNobodyElsesMeanwhile()
    {
        Plug($"dmatest@{Parent},mdevs=2", "dmatest-1ch");
        int hidden = _machine!.Machine.Pasids.Count;
        using var two = new Owner(_machine, Second);
        using (var one = new Owner(_machine, First))
        {
            one.Device.Attach(one.Hwpt, new Pasid(5));
            one.Device.Attach(one.Hwpt, new Pasid(6));
            two.Device.Attach(two.Hwpt, new Pasid(5));
            Assert.Equal(hidden + 3, _machine.Machine.Pasids.Count);
            one.Device.Attach(one.Hwpt, new Pasid(5)); // moved, with the same PASID of the host
            one.Device.Detach(new Pasid(6));
            Assert.Equal(hidden + 2, _machine.Machine.Pasids.Count);
            Hwpt gone = one.Context.AllocateHwpt(one.Device, one.Ioas, HwptOptions.Pasid);
            gone.Destroy();
            Assert.Equal(Errno.ENOENT, Refused(() => one.Device.Attach(gone, new Pasid(6))));
            Assert.Equal(hidden + 2, _machine.Machine.Pasids.Count);
            one.Memory.Write(0, (byte)0x11);
            two.Memory.Write(0, (byte)0x22);
            Assert.Equal((0x11, 0x22), (one.Fetch(5), two.Fetch(5)));
        }

        Assert.Equal(hidden + 1, _machine.Machine.Pasids.Count);
        Assert.Equal(0x22, two.Fetch(5));
        Assert.Equal(-(int)NotAttached, two.Fetch(6));
    }

    /// <summary>One program's PASIDs leave those of the others, which a quota of each mdev keeps.</summary>
    [Fact]
    public void AnMdevHasAQuota()
    {
        Plug($"dmatest@{Parent},mdevs=2", "dmatest-1ch");
        using var one = new Owner(_machine!, First);
        using var two = new Owner(_machine!, Second);
        for (uint pasid = 1; pasid <= 1000; pasid++) one.Device.Attach(one.Hwpt, new Pasid(pasid));
        Assert.Equal(Errno.ENOSPC, Refused(() => one.Device.Attach(one.Hwpt, new Pasid(1001))));
        two.Device.Attach(two.Hwpt, new Pasid(1001));
        one.Device.Detach(new Pasid(500));
        one.Device.Attach(one.Hwpt, new Pasid(1001));
    }

    [Fact]
    public void TwoPartsSendOnePasidOfASva()
    {
        Plug($"dmatest@{Parent},mdevs=2", "dmatest-1ch");
        using var one = new Owner(_machine!, First);
        using var two = new Owner(_machine!, Second);
        using SvaContext sva = SvaContext.Open(_machine!.Nodes);
        Pasid pasid = sva.AllocatePasid();
        sva.Bind(pasid, one.Ioas);
        one.Memory.Write(0, (byte)0x11);
        one.Device.Attach(sva, pasid);
        Assert.Equal((0x11, -(int)NotAttached), (one.Fetch(pasid.Value), two.Fetch(pasid.Value)));
        two.Device.Attach(sva, pasid);
        Assert.Equal(Errno.EBUSY, Refused(() => two.Device.Attach(two.Hwpt, pasid)));
        Assert.Equal((0x11, 0x11), (one.Fetch(pasid.Value), two.Fetch(pasid.Value)));
        one.Device.Dispose();
        Assert.Equal(0x11, two.Fetch(pasid.Value));
        sva.Unbind(pasid);
        Assert.Equal(-(int)NotAttached, two.Fetch(pasid.Value));
    }

    /// <summary>A walk takes the number that the mdev's program knows.</summary>
    [Fact]
    public void AWalkGoesTheWayOfARequest()
    {
        Plug($"dmatest@{Parent},mdevs=2", "dmatest-1ch");
        using var one = new Owner(_machine!, First);
        using var two = new Owner(_machine!, Second);
        one.Device.Attach(one.Hwpt, new Pasid(5));
        MachineMdev mdev = _machine!.Machine.Mdevs[0], other = _machine.Machine.Mdevs[1];
        TranslationWalk walk = mdev.Walk(new Pasid(5), s_at, write: false);
        Assert.Equal(FaultReason.None, walk.Reason);
        Assert.Contains("PASID 5 of the mdev", walk.Steps[0].Says, StringComparison.Ordinal);
        Assert.Equal(FaultReason.NotMapped, mdev.Walk(new Pasid(5), new Iova(0x5000), write: false).Reason);
        Assert.Equal((FaultReason.NotAttached, FaultReason.NotAttached, FaultReason.NotAttached), (
            mdev.Walk(null, s_at, write: false).Reason, mdev.Walk(new Pasid(6), s_at, write: false).Reason,
            other.Walk(new Pasid(5), s_at, write: false).Reason));
        two.Device.EnableBusMaster(false);
        Assert.Equal(FaultReason.BusMasterDisabled, other.Walk(new Pasid(5), s_at, write: false).Reason);
    }

    /// <summary>Neither the model nor the program of such an mdev can name one.</summary>
    [Theory]
    [InlineData("nvme", "nvme-1q")]
    [InlineData("dsa", "dsa-1dwq-v1")]
    public void AnMdevWhoseModelSendsNoneHasNone(string model, string type)
    {
        Plug($"{model}@{Parent},mdevs=2" + (model == "nvme" ? ",size=12M" : ""), type);
        using var owner = new Owner(_machine!, First);
        Assert.Equal(0, owner.Context.DescribeHardware(owner.Device).MaxPasidLog2);
        Assert.Equal(Errno.EOPNOTSUPP, Refused(() => owner.Device.Attach(owner.Hwpt, new Pasid(5))));
        using SvaContext sva = SvaContext.Open(_machine!.Nodes);
        Pasid pasid = sva.AllocatePasid();
        sva.Bind(pasid, owner.Ioas);
        Assert.Equal(Errno.EOPNOTSUPP, Refused(() => owner.Device.Attach(sva, pasid)));
    }

    /// <summary>ENQCMD's status: a write of descriptors to a full shared queue says how many were taken.</summary>
    [Fact]
    public void AWriteToAFullPortalIsToBeTriedAgain()
    {
        Plug($"dsa@{Parent},mdevs=1", "dsa-1swq-v1");
        using var owner = new Owner(_machine!, First);
        using FaultQueue faults = owner.Context.AllocateFaultQueue();
        using Ioas empty = owner.Context.AllocateIoas();
        Hwpt hwpt = owner.Context.AllocateHwpt(owner.Device, empty, HwptOptions.Pasid, faults);
        owner.Device.Attach(hwpt, new Pasid(5));
        VfioRegion registers = owner.Device.GetRegion(0), portal = owner.Device.GetRegion(2);
        Assert.Equal((0x2000ul, 0x2000ul, false, true),
            (registers.Size, portal.Size, registers.CanMap, portal.CanMap));
        registers.Write(0x508, 1u << 28); // a PASID for each submitter
        registers.Write(0xa0, 1u << 20); // enable device
        registers.Write(0xa0, 6u << 20); // enable queue
        Assert.Equal(0u, registers.Read<uint>(0xa8));
        byte[] fill = new byte[64]; // MEMFILL, and block on fault
        BinaryPrimitives.WriteUInt32LittleEndian(fill, 5);
        BinaryPrimitives.WriteUInt32LittleEndian(fill.AsSpan(4), (4u << 24) | 2);
        BinaryPrimitives.WriteUInt64LittleEndian(fill.AsSpan(24), s_at.Value);
        BinaryPrimitives.WriteUInt32LittleEndian(fill.AsSpan(32), 8);
        portal.Write(0, fill);
        Assert.Equal((new Pasid(5), s_at),
            faults.Read(TimeSpan.FromSeconds(30)).Select(f => (f.Pasid!.Value, f.Address)).Single());

        owner.Memory.CopyFrom(0, [.. Enumerable.Repeat(fill, 12).SelectMany(bytes => bytes)]);
        Assert.Equal(SysResult.Ok(9 * 64), Write(12)); // the queue has room for nine
        Assert.Equal((SysResult)Errno.EAGAIN, Write(3));
        Assert.Equal(0u, registers.Read<uint>(0xc0) & 1);

        SysResult Write(int count) =>
            owner.Device.Handle.Write(portal.Raw.Offset, owner.Memory.Address, (ulong)count * 64);
    }

    private static Errno Refused(Action call) => Assert.Throws<IommuException>(call).Errno;

    private void Plug(string parent, string type)
    {
        _machine = new MdevMachine(parent);
        foreach (string uuid in (string[])[First, Second])
            _machine.Write($"{Function}/mdev_supported_types/{type}/create", uuid)();
    }

    /// <summary>A program with an mdev, and a page of memory in an IOAS to which the mdev is not attached.</summary>
    private sealed class Owner : IDisposable
    {
        internal Owner(MdevMachine machine, string uuid)
        {
            Context = IommuContext.Open(machine.Nodes);
            Device = VfioDevice.Open(
                machine.Nodes, machine.Machine.Mdevs.Single(mdev => mdev.Uuid == Guid.Parse(uuid)).VfioNode);
            Device.Bind(Context);
            Device.EnableBusMaster();
            Ioas = Context.AllocateIoas();
            Memory = machine.Nodes.Allocate(4096);
            Ioas.Map(Memory, at: s_at);
            Hwpt = Context.AllocateHwpt(Device, Ioas, HwptOptions.Pasid);
        }

        internal IommuContext Context { get; }

        internal VfioDevice Device { get; }

        internal Ioas Ioas { get; }

        internal Hwpt Hwpt { get; }

        internal UserMemory Memory { get; }

        /// <summary>The first byte that a dmatest reads by a PASID; or minus why it cannot.</summary>
        internal int Fetch(uint pasid)
        {
            VfioRegion registers = Device.GetRegion(0);
            registers.Write(0x00, s_at.Value);
            registers.Write(0x10, 64u);
            registers.Write(0x2c, 0x80000000 | pasid);
            registers.Write(0x08, 3u);
            Assert.True(SpinWait.SpinUntil(() => (registers.Read<uint>(0x08) & 1) == 0, TimeSpan.FromSeconds(30)));
            uint status = registers.Read<uint>(0x14);
            if (status == Fault) return -(int)registers.Read<uint>(0x18);
            Assert.Equal(Done, status);
            return Device.GetRegion(2).Read<byte>(0);
        }

        public void Dispose()
        {
            Device.Dispose();
            Context.Dispose();
            Memory.Dispose();
        }
    }
}
