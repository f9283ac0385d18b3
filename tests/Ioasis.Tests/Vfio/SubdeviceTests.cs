using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core;
using Ioasis.Core.Endpoints;
using Ioasis.Core.PageRequests;
using Ioasis.Core.Pasids;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using DmaHandle = Ioasis.Iommufd.Objects.DmaHandle;

namespace Ioasis.Tests.Vfio;

/// <summary>Parts of a function, each bound by the PASID that its requests carry.</summary>
public sealed class SubdeviceTests : IDisposable
{
    private const ulong Page = 4096;
    private static readonly Iova s_at = new(0x100000);
    private readonly SoftwareMachine _machine = SoftwareMachine.Create(MachineDescription.Default);
    private readonly NodeTransport _nodes;
    private readonly MachineDevice _parent;
    private readonly PasidOwner _driver = new();
    private readonly TestSubdevice[] _models;
    private readonly Pasid[] _pasids;
    private readonly Listener _heard = new(); // by the driver, of the second part
    private readonly string[] _paths;

    public SubdeviceTests()
    {
        _nodes = NodeTransport.InProcess(_machine);
        _parent = _machine.Devices[1]; // a dmatest, which has PASIDs
        _parent.Endpoint.Block = null; // its driver lets it send
        _pasids = [NewPasid(), NewPasid()];
        _models =
        [
            new TestSubdevice("part 0", new DmaHandle(_parent.Endpoint, _driver, _pasids[0])),
            new TestSubdevice("part 1", new DmaHandle(_parent.Endpoint, _driver, _pasids[1], _heard)),
        ];
        _paths = [.. _models.Select(m => _machine.AddSubdevice(m).Path)];
    }

    private Endpoint Parent => _parent.Endpoint;

    public void Dispose()
    {
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void TwoOfOneParentAreBoundToTwoContextsAtOnce()
    {
        using var one = new Owner(this, 0, 0x1111);
        using var two = new Owner(this, 1, 0x2222);
        Assert.Equal((0x1111ul, 0x2222ul), (one.Fetch(), two.Fetch()));
        one.Ioas.Unmap(s_at, Page);
        Assert.Equal((ulong.MaxValue, 0x2222ul), (one.Fetch(), two.Fetch()));
        one.Device.Dispose();
        Assert.Equal(0x2222ul, two.Fetch());
        Assert.Null(Parent.AttachedTo(_pasids[0]));
        Assert.Same(Parent.Group.DefaultDomain, Parent.Attached); // the requester ID stays there
        Parent.Block = SendBlock.BusMasterDisabled;
        Assert.Equal(ulong.MaxValue, two.Fetch());
    }

    [Fact]
    public void AFunctionIsAProgramsOrItsSubdevicesAre()
    {
        using IommuContext context = IommuContext.Open(_nodes);
        using VfioDevice function = VfioDevice.Open(_nodes, _parent.VfioNode);
        using (var one = new Owner(this, 0, 1))
        {
            using var two = new Owner(this, 1, 2);
            Assert.Equal(Errno.EBUSY, Refused(() => function.Bind(context)));
            one.Device.Dispose();
            Assert.Equal(Errno.EBUSY, Refused(() => function.Bind(context)));
        }

        function.Bind(context);
        using VfioDevice part = VfioDevice.Open(_nodes, _paths[0]);
        Assert.Equal(Errno.EBUSY, Refused(() => part.Bind(context)));
    }

    [Fact]
    public void ADeviceSaysItselfWhatItIs()
    {
        using var owner = new Owner(this, 0, 1);
        VfioDeviceInfo info = owner.Device.GetInfo().Raw;
        Assert.Equal((VfioH.VFIO_DEVICE_FLAGS_RESET, 1u, 1u), (info.Flags, info.NumRegions, info.NumIrqs));
        Assert.Equal(16u, owner.Device.GetRegion(0).Size);
        Assert.Equal(Errno.EINVAL, Refused(() => owner.Device.GetRegion(1)));
        Assert.Equal(Errno.EINVAL, Refused(() => owner.Device.GetInterrupt(1)));
        foreach (uint command in (uint[])[VfioH.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, VfioH.VFIO_DEVICE_PCI_HOT_RESET,
            VfioH.VFIO_DEVICE_IOEVENTFD, 0x3bff])
            Assert.Equal(Errno.ENOTTY, owner.Device.TryIoctl(command, new byte[64]).Errno);
        Assert.Equal(Errno.ENOTTY, Refused(() => owner.Device.SetVfToken(Guid.NewGuid())));
        using UserEvent raised = _nodes.CreateEvent();
        owner.Device.GetInterrupt(0).SetEvents(0, raised);
        Assert.Equal(1u, owner.Fetch());
        Assert.Equal(1ul, raised.Wait(TimeSpan.FromSeconds(30)));
        owner.Device.Reset();
        Assert.Equal(0u, owner.Device.GetRegion(0).Read<ulong>(8));
    }

    [Fact]
    public void ItIsAttachedAsAFunctionIs()
    {
        using var owner = new Owner(this, 0, 0x1111);
        Hwpt hwpt = owner.Context.AllocateHwpt(owner.Device, owner.Ioas);
        owner.Device.Attach(hwpt); // moved
        Assert.Equal(Errno.EBUSY, Refused(() => owner.Context.Destroy(hwpt.Id)));
        Assert.Equal(0x1111ul, owner.Fetch());
        owner.Device.Detach();
        Assert.Equal(ulong.MaxValue, owner.Fetch());
        hwpt.Destroy();
    }

    /// <summary>The program chooses no PASID of the parent's, and sees none; those of a /dev/sva it can have.</summary>
    [Fact]
    public void ItsPASIDIsHidden()
    {
        using var owner = new Owner(this, 0, 0x1111);
        Assert.Equal(0, owner.Context.DescribeHardware(owner.Device).MaxPasidLog2);
        Assert.Equal(Errno.EOPNOTSUPP, Refused(() => owner.Device.Attach(owner.Ioas, _pasids[0])));
        Assert.Equal(Errno.EOPNOTSUPP, Refused(() => owner.Device.Attach(owner.Ioas, new Pasid(77))));
        owner.Device.Detach(_pasids[0]); // not the program's: nothing happens
        Assert.Equal(0x1111ul, owner.Fetch());

        using SvaContext sva = SvaContext.Open(_nodes);
        Assert.Equal(Errno.ENOENT, Refused(() => owner.Device.Attach(sva, _pasids[0])));
        using Ioas other = owner.Context.AllocateIoas();
        using UserMemory memory = owner.Fill(other, 0x3333);
        Pasid pasid = sva.AllocatePasid();
        Assert.DoesNotContain(pasid, _pasids);
        sva.Bind(pasid, other);
        owner.Device.Attach(sva, pasid);
        var bytes = new byte[8];
        Assert.True(_models[0].Port.Read(pasid, s_at, bytes).IsOk);
        Assert.Equal((0x3333ul, 0x1111ul), (BitConverter.ToUInt64(bytes), owner.Fetch()));
        owner.Device.Detach(pasid);
        Assert.False(_models[0].Port.Read(pasid, s_at, bytes).IsOk);
    }

    [Theory]
    [InlineData(0, PageResponse.Invalid)] // the driver does not listen
    [InlineData(1, PageResponse.Success)]
    public void PageRequestsOfItsPASIDEndAtTheDriver(int part, PageResponse expected)
    {
        using var owner = new Owner(this, part, 0x1111);
        using FaultQueue queue = owner.Context.AllocateFaultQueue();
        owner.Device.Attach(owner.Context.AllocateHwpt(owner.Device, owner.Ioas, faults: queue));
        _models[part].Port.RequestsPages = true;
        PageResponse? answer = null;
        var request = new PageRequest(null, 1, PageRequestAccess.Read, new Iova(0x5000), IsLast: true);
        Assert.True(_models[part].Port.RequestPage(request, a => answer = a));
        Assert.Equal(expected, answer);
        Assert.Empty(queue.Read(TimeSpan.Zero));
        Assert.Equal(part == 1 ? [_pasids[1]] : [], _heard.Pasids);
    }

    private Pasid NewPasid()
    {
        Assert.Equal(IommuStatus.Ok, _machine.Pasids.Allocate(_driver, 1, Pasid.MaxValue, out Pasid pasid));
        return pasid;
    }

    internal static Errno Refused(Action action) => Assert.Throws<IommuException>(action).Errno;

    /// <summary>A driver that brings each page at once.</summary>
    private sealed class Listener : IPageRequestHandler
    {
        internal List<Pasid?> Pasids { get; } = [];

        public void Handle(PageRequestGroup group)
        {
            Pasids.Add(group.Requests[^1].Pasid);
            group.Respond(PageResponse.Success);
        }

        public void Detached(Attachment attachment)
        {
        }
    }

    /// <summary>A program with one subdevice, which is attached to an IOAS with a page of memory in it.</summary>
    private sealed class Owner : IDisposable
    {
        private readonly SubdeviceTests _tests;
        private readonly UserMemory _memory;

        internal Owner(SubdeviceTests tests, int part, ulong value)
        {
            _tests = tests;
            Context = IommuContext.Open(tests._nodes);
            Device = VfioDevice.Open(tests._nodes, tests._paths[part]);
            Device.Bind(Context);
            Ioas = Context.AllocateIoas();
            Device.Attach(Ioas);
            _memory = Fill(Ioas, value);
        }

        internal IommuContext Context { get; }

        internal VfioDevice Device { get; }

        internal Ioas Ioas { get; }

        internal UserMemory Fill(Ioas ioas, ulong value)
        {
            UserMemory memory = _tests._nodes.Allocate(Page);
            memory.Write(0, value);
            ioas.Map(memory, at: s_at);
            return memory;
        }

        internal ulong Fetch()
        {
            VfioRegion registers = Device.GetRegion(0);
            registers.Write(0, s_at.Value);
            return registers.Read<ulong>(8);
        }

        public void Dispose()
        {
            Device.Dispose();
            Context.Dispose();
            _memory.Dispose();
        }
    }
}
