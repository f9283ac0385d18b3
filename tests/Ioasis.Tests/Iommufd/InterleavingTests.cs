using Ioasis.Abi;
using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Units;
using Ioasis.Iommufd.Objects;
using Ioasis.Memory;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Iommufd;

/// <summary>Calls of a program's threads, each stopped between two of its steps while another comes through.</summary>
public sealed class InterleavingTests
{
    private readonly TestMachine _machine = new();
    private readonly TestCaller _other = new();

    [Fact]
    public void AttachingToAnIoasFindsNoHwptThatIsOnItsWayOut()
    {
        IommufdDevice first = _machine.Bind(), second = _machine.Bind(), third = _machine.Bind();
        uint ioas = _machine.NewIoas(), elsewhere = _machine.NewIoas();
        HostBlock block = _machine.Program.Own.Allocate(0x1000);
        Assert.Equal(Errno.None, _machine.Map(ioas, 0x10000, (ulong)block.Address, 0x1000));
        uint dying = ioas;
        Assert.Equal(Errno.None, first.Attach(null, ref dying));

        using StoppedThread detach = StoppedThread.At("ObjectTable.TakenOut", () => first.Detach(null));
        uint sameNumber = AllocateHwpt(third.Id, elsewhere, 0);
        Assert.Equal(dying, sameNumber);
        uint attached = ioas;
        Assert.Equal(Errno.None, second.Attach(null, ref attached));
        Assert.NotEqual(sameNumber, attached);
        detach.GoOn();

        Assert.Same(Hwpt(attached).Domain, second.Endpoint.Attached);
        using DmaPort port = second.Endpoint.OpenPort();
        Assert.True(port.Read(new Iova(0x10000), new byte[8]).IsOk);
        second.Detach(null);
        Assert.Equal(Errno.None, _machine.Destroy(sameNumber));
        Assert.Equal(Errno.None, _machine.Destroy(ioas));
        Assert.Equal(Errno.None, _machine.Destroy(elsewhere));
    }

    [Fact]
    public void AnAutomaticHwptThatItsGroupHasLeftDoesNotStay()
    {
        // The group moves on by another of its devices, while the HWPT that it moved to is not an object yet.
        Endpoint one = _machine.NewEndpoint();
        var two = new Endpoint(new RequesterId(0, 200, 1, 0), one.Unit, one.Group);
        IommufdDevice first = _machine.Bind(one), second = _machine.Bind(two);
        uint ioas = _machine.NewIoas(), replaced = _machine.NewIoas(), last = _machine.NewIoas(), hwpt = ioas;
        Assert.Equal(Errno.None, first.Attach(null, ref hwpt));
        Assert.Equal(Errno.None, second.Attach(null, ref hwpt));
        int objects = _machine.Context.Objects.Count;

        Errno errno = Errno.EINVAL;
        using (StoppedThread replace = StoppedThread.At("IommufdDevice.Attached", () =>
        {
            uint id = replaced;
            errno = first.Replace(null, ref id);
        }))
        {
            uint id = last;
            Assert.Equal(Errno.None, second.Replace(null, ref id));
            replace.GoOn();
        }

        Assert.Equal(Errno.None, errno);
        Assert.Equal(objects, _machine.Context.Objects.Count);
        Assert.Equal(Errno.None, _machine.Destroy(replaced));
        Assert.Same(one.Attached, two.Attached);
        first.Detach(null);
        second.Detach(null);
        Assert.Equal(Errno.None, _machine.Destroy(last));
    }

    [Fact]
    public void AQueueOfEventsThatComesSecondLeavesTheFirstAlone()
    {
        const uint type = 7;
        IommufdDevice device = _machine.Bind();
        IommufdViommu viommu = NewViommu(device);
        Errno late = Errno.None;
        using (StoppedThread loser =
            StoppedThread.At("ViommuIoctls.NoEventsYet", () => late = AllocateEvents(_other, viommu, type)))
        {
            Assert.Equal(Errno.None, AllocateEvents(_machine.Program, viommu, type));
            loser.GoOn();
        }

        Assert.Equal(Errno.EEXIST, late);
        Assert.Empty(_other.Queues);
        Assert.True(viommu.HasEvents(type));
        Assert.Equal(IommuStatus.Ok, viommu.Report(type, [1]));
        Assert.True(_machine.Program.Queues.Values.Single().IsReadable);
    }

    [Fact]
    public void ADriverThatThrowsKeepsNoNumber()
    {
        IommufdDevice device = _machine.Bind();
        IommufdViommu viommu = NewViommu(device);
        int objects = _machine.Context.Objects.Count;
        var args = new IommuVdeviceAlloc
        {
            Size = TestMachine.Length<IommuVdeviceAlloc>(),
            ViommuId = viommu.Id,
            DevId = device.Id,
            VirtId = FakeViommu.Throws
        };
        Assert.Throws<NotImplementedException>(() => _machine.Call(IOMMU_VDEVICE_ALLOC, ref args));
        args.VirtId = 5;
        Assert.Equal(Errno.None, _machine.Call(IOMMU_VDEVICE_ALLOC, ref args));
        Assert.Equal(objects + 1, _machine.Context.Objects.Count);
        Assert.Equal(Errno.None, _machine.Destroy(args.OutVdeviceId));
        Assert.Equal(Errno.None, _machine.Destroy(viommu.Id)); // nobody uses it
    }

    [Fact]
    public void AGuestsNumberIsGivenAgainOnlyWhenTheUnitHasLetItGo()
    {
        IommufdDevice device = _machine.Bind(), next = _machine.Bind();
        IommufdViommu viommu = NewViommu(device);
        var args = new IommuVdeviceAlloc
        {
            Size = TestMachine.Length<IommuVdeviceAlloc>(),
            ViommuId = viommu.Id,
            DevId = device.Id,
            VirtId = 5
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_VDEVICE_ALLOC, ref args));
        Errno meanwhile = Errno.None;
        ((FakeViommu)viommu.Driver).OnRemove = () =>
        {
            var second = new IommuVdeviceAlloc
            {
                Size = TestMachine.Length<IommuVdeviceAlloc>(),
                ViommuId = viommu.Id,
                DevId = next.Id,
                VirtId = 5
            };
            var another = new Thread(() => meanwhile = _other.Call(_machine.Context, IOMMU_VDEVICE_ALLOC, ref second));
            another.Start();
            another.Join();
            Assert.Null(viommu.FindDevice(5));
        };
        Assert.Equal(Errno.None, _machine.Destroy(args.OutVdeviceId));
        Assert.Equal(Errno.EEXIST, meanwhile);
    }

    private uint AllocateHwpt(uint device, uint parent, uint flags)
    {
        var args = new IommuHwptAlloc
        {
            Size = TestMachine.Length<IommuHwptAlloc>(),
            DevId = device,
            PtId = parent,
            Flags = flags
        };
        Assert.Equal(Errno.None, _machine.Call(IOMMU_HWPT_ALLOC, ref args));
        return args.OutHwptId;
    }

    private HwptPaging Hwpt(uint id)
    {
        Assert.Equal(Errno.None, _machine.Context.Objects.TryGet(id, out ObjectTable.Held<HwptPaging> held));
        using (held) return held.Value;
    }

    private IommufdViommu NewViommu(IommufdDevice device)
    {
        HwptPaging parent = Hwpt(AllocateHwpt(device.Id, _machine.NewIoas(), IOMMU_HWPT_ALLOC_NEST_PARENT));
        var viommu = new IommufdViommu(_machine.Context, _machine.Unit, parent);
        viommu.DriverOrNull = new FakeViommu(viommu, parent.PagingDomain);
        using ObjectTable.Pending<IommufdViommu> pending = _machine.Context.Objects.Reserve(viommu);
        pending.Commit();
        return viommu;
    }

    private Errno AllocateEvents(TestCaller program, IommufdViommu viommu, uint type)
    {
        var args = new IommuVeventqAlloc
        {
            Size = TestMachine.Length<IommuVeventqAlloc>(),
            ViommuId = viommu.Id,
            Type = type,
            VeventqDepth = 4
        };
        return program.Call(_machine.Context, IOMMU_VEVENTQ_ALLOC, ref args);
    }

    private sealed class FakeViommu(IViommuHost host, PagingDomain parent) : Viommu(host, parent)
    {
        internal const ulong Throws = 99;

        internal Action? OnRemove { get; set; }

        public override IommuStatus AddDevice(Endpoint endpoint, ulong virtualId) =>
            virtualId == Throws ? throw new NotImplementedException() : IommuStatus.Ok;

        public override void RemoveDevice(Endpoint endpoint, ulong virtualId) => OnRemove?.Invoke();
    }
}
