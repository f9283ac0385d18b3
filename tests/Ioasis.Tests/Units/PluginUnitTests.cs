using System.Text;
using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Core;
using Ioasis.Core.Dma;
using Ioasis.Core.Domains;
using Ioasis.Core.Endpoints;
using Ioasis.Core.Faults;
using Ioasis.Core.Walks;
using Ioasis.Machine;
using Ioasis.Machine.Description;
using Ioasis.Memory;
using Ioasis.Tests.Machine;
using Ioasis.TinyIommu;
using static Ioasis.Abi.IommufdH;

namespace Ioasis.Tests.Units;

/// <summary>
/// A unit that a plug-in brought, through the loader: it has no internals of the product to work with.
/// </summary>
public sealed class PluginUnitTests : IDisposable
{
    private const ulong Page = 1 << 16, Contexts = 0, Tables = 0x1000, Data = 4 * Page, GuestLength = 16 * Page;
    private readonly SoftwareMachine _machine;
    private readonly NodeTransport _nodes;
    private readonly IommuContext _context;
    private readonly VfioDevice _device;
    private readonly UserFile _guest;
    private readonly Ioas _ioas;
    private readonly Hwpt _parent;

    public PluginUnitTests()
    {
        Assert.Equal(["tiny"], Loaded.Value);
        _machine = SoftwareMachine.Create(Parse("""
            {
              "units": [
                { "name": "tiny0", "driver": "tiny", "pasidBits": 4, "incoherent": "0000:00:05.0",
                  "relaxable": [ { "first": "0x7000000" } ] }
              ],
              "devices": [
                { "model": "dmatest", "address": "0000:00:04.0" }, { "model": "dmatest", "address": "0000:00:05.0" }
              ]
            }
            """));
        _nodes = NodeTransport.InProcess(_machine);
        _context = IommuContext.Open(_nodes);
        _device = Open(0);
        _guest = _nodes.CreateFile(GuestLength);
        _ioas = _context.AllocateIoas();
        _ioas.MapFile(_guest, 0, GuestLength, at: Iova.Zero);
        _parent = _context.AllocateHwpt(_device, _ioas, HwptOptions.NestParent);
        for (ulong page = 0; page < GuestLength / Page; page++) _guest.Memory.Write(page * Page, page);
    }

    /// <summary>The plug-in, which a process loads once.</summary>
    internal static Lazy<IReadOnlyList<string>> Loaded { get; } =
        new(() => Plugins.Load(typeof(TinyUnit).Assembly.Location));

    private TinyUnit Unit => (TinyUnit)_machine.Units.Single();

    private Endpoint Endpoint => _machine.Devices[0].Endpoint;

    public void Dispose()
    {
        _device.Dispose();
        _context.Dispose();
        _guest.Dispose();
        _nodes.Dispose();
        _machine.Dispose();
    }

    [Fact]
    public void ItsNestedStageTranslatesRequestsWithoutPasidAndOfEachPasid()
    {
        SetContext(0, Tables, 8);
        SetContext(3, Tables + 0x1000, 8);
        SetPage(Tables, 1, Data, writable: true);
        SetPage(Tables + 0x1000, 1, Data + Page, writable: false);
        _device.Attach(Nest());
        using DmaPort port = Endpoint.OpenPort();
        Assert.Equal((true, Data / Page), Read(port, Page));
        Assert.Equal((true, (Data / Page) + 1), Read(port, Page, new Pasid(3)));
        Assert.True(port.Write(new Iova(Page), BitConverter.GetBytes(77ul)).IsOk);
        Assert.Equal(77ul, _guest.Memory.Read<ulong>(Data));
        Assert.Equal(0, Unit.Faults.Count);
    }

    [Fact]
    public void AFaultComesToTheUnitOnceWithItsOwnTerms()
    {
        SetContext(0, Tables, 8);
        SetPage(Tables, 1, Data, writable: false);
        SetPage(Tables, 2, GuestLength, writable: true);
        _device.Attach(Nest());
        using DmaPort port = Endpoint.OpenPort();
        Assert.False(Read(port, Page, new Pasid(5)).Ok);
        Assert.False(Read(port, 3 * Page).Ok);
        Assert.Equal(FaultReason.NoPermission, port.Write(new Iova(Page + 8), new byte[8]).Reason);
        Assert.False(Read(port, 2 * Page).Ok);
        Assert.False(Read(port, 8 * Page).Ok);
        DmaFault[] expected =
        [
            Fault(Page, 5, false, FaultReason.NotAttached, TinyFault.NoContext, FaultStage.Context,
                Contexts + (5 * 16)),
            Fault(3 * Page, null, false, FaultReason.NotMapped, TinyFault.NotPresent, FaultStage.First, Tables + 24),
            Fault(Page + 8, null, true, FaultReason.NoPermission, TinyFault.NotWritable, FaultStage.First, Tables + 8),
            Fault(2 * Page, null, false, FaultReason.NotMapped, TinyFault.SecondStage, FaultStage.Second, GuestLength),
            Fault(8 * Page, null, false, FaultReason.BeyondAddressWidth, TinyFault.BeyondTable,
                FaultStage.First, Contexts),
        ];
        Assert.Equal(expected, Unit.Reported);
        Assert.Equal(expected, Unit.Faults.Snapshot().Select(record => record.Fault));
    }

    [Fact]
    public void OfARequestThatNeverReachedItItIsNotTold()
    {
        using DmaPort port = Endpoint.OpenPort();
        _device.EnableBusMaster(false);
        Assert.Equal(FaultReason.BusMasterDisabled, port.Read(Iova.Zero, new byte[8]).Reason);
        Assert.Equal(1, Unit.Faults.Count); // the log has it all the same
        Assert.Empty(Unit.Reported);
        _device.EnableBusMaster();
        Assert.Equal(FaultReason.NotAttached, port.Read(Iova.Zero, new byte[8]).Reason);
        Assert.Equal(FaultReason.NotAttached, Assert.Single(Unit.Reported).Reason);
    }

    [Fact]
    public void AChangeOfItsTablesIsInForceWhenTheInvalidationReturns()
    {
        SetContext(2, Tables, 8);
        SetPage(Tables, 1, Data, writable: false);
        NestedHwpt nested = Nest();
        _device.Attach(nested);
        using DmaPort port = Endpoint.OpenPort();
        var pasid = new Pasid(2);
        Assert.Equal((true, Data / Page), Read(port, Page, pasid));
        SetPage(Tables, 1, Data + Page, writable: false);
        Assert.Equal((true, Data / Page), Read(port, Page, pasid)); // the port keeps it, as it may
        nested.Invalidate(new TinyInvalidation { First = Page, Last = (2 * Page) - 1 });
        Assert.Equal((true, (Data / Page) + 1), Read(port, Page, pasid));
    }

    [Fact]
    public void WhatPortsAndDevicesKeepOfItsPasidsEndsWithTheAttachmentOfTheDevice()
    {
        SetContext(2, Tables, 8);
        SetPage(Tables, 1, Data, writable: false);
        _device.Attach(Nest());
        using DmaPort port = Endpoint.OpenPort(), caching = Endpoint.OpenPort(translations: 4);
        caching.UsesDeviceTlb = true;
        var pasid = new Pasid(2);
        Assert.True(Read(port, Page, pasid).Ok);
        Assert.True(Read(caching, Page, pasid).Ok);
        Assert.Equal(1, caching.DeviceTlb!.Count);
        _device.Detach();
        Assert.Equal(0, caching.DeviceTlb.Count);
        Assert.False(Read(port, Page, pasid).Ok);
        Assert.False(Read(caching, Page, pasid).Ok);
        Assert.All(Unit.Reported, fault => Assert.Equal(FaultReason.NotAttached, fault.Reason));
    }

    /// <summary>
    /// A model that knows nothing of PASIDs, or a part of the function, has a port that is bound to a PASID. The user's
    /// PASID table has the PASID.
    /// </summary>
    [Theory]
    [InlineData("port")]
    [InlineData("port with ATS")]
    [InlineData("part")]
    public void APortThatIsBoundToAPasidIsTranslatedByTheUsersTableOfThatPasid(string kind)
    {
        var pasid = new Pasid(3);
        const ulong table = Tables + 0x1000;
        SetContext(0, Tables, 8);
        SetContext(3, table, 8);
        SetPage(Tables, 1, Data, writable: true);
        SetPage(table, 1, Data + Page, writable: true);
        NestedHwpt nested = Nest();
        using DmaPort bound = kind == "part"
            ? new EndpointPart(Endpoint, pasid).OpenPort()
            : Endpoint.OpenPort(kind == "port" ? 0 : 4, pasid);
        bound.UsesDeviceTlb = kind == "port with ATS";
        Assert.Equal(kind == "port with ATS", bound.UsesDeviceTlb);
        using DmaPort plain = Endpoint.OpenPort();
        Assert.False(Read(bound, Page).Ok); // opened before anything is attached
        _device.Attach(nested);
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal((true, (Data / Page) + 1), Read(bound, Page));
            Assert.Equal((true, Data / Page), Read(plain, Page));
            // A part has numbers of its own.
            if (kind != "part") Assert.Equal((true, (Data / Page) + 1), Read(bound, Page, pasid));
        }

        Assert.True(bound.Write(new Iova(Page), BitConverter.GetBytes(77ul)).IsOk);
        Assert.Equal(77ul, _guest.Memory.Read<ulong>(Data + Page));
        Assert.False(Read(bound, 2 * Page).Ok);
        SetPage(table, 1, Data + (2 * Page), writable: true);
        Assert.Equal((true, 77ul), Read(bound, Page)); // kept, as it may be
        nested.Invalidate(new TinyInvalidation { First = Page, Last = (2 * Page) - 1 });
        Assert.Equal((true, (Data / Page) + 2), Read(bound, Page));
        _device.Detach();
        Assert.False(Read(bound, Page).Ok);
        Assert.Equal(
            [
                Fault(Page, 3, false, FaultReason.NotAttached, TinyFault.Blocked, default, 0),
                Fault(2 * Page, 3, false, FaultReason.NotMapped, TinyFault.NotPresent, FaultStage.First, table + 16),
                Fault(Page, 3, false, FaultReason.NotAttached, TinyFault.Blocked, default, 0),
            ],
            Unit.Reported);
    }

    [Fact]
    public void CoherencyIsOfTheDeviceThatAPageTableIsMadeFor()
    {
        using VfioDevice other = Open(1);
        var compat = new IommuVfioIoas { Size = 12, IoasId = _ioas.Id, Op = IOMMU_VFIO_IOAS_SET };
        Assert.True(_context.TryIoctl(IOMMU_VFIO_IOAS, ref compat).IsOk);
        Assert.Equal(SysResult.Ok(1), PromisesCoherency());
        Hwpt incoherent = _context.AllocateHwpt(other, _ioas);
        Assert.Equal(SysResult.Ok(0), PromisesCoherency());
        incoherent.Dispose();
        Assert.Equal(SysResult.Ok(1), PromisesCoherency());

        SysResult PromisesCoherency() =>
            _context.Handle.Ioctl(VfioH.VFIO_CHECK_EXTENSION, VfioH.VFIO_DMA_CC_IOMMU);
    }

    [Fact]
    public void APasidThatIsAttachedByItselfIsNoLongerTheUsers()
    {
        SetContext(2, Tables, 8);
        SetPage(Tables, 1, Data, writable: false);
        _device.Attach(Nest());
        using DmaPort port = Endpoint.OpenPort();
        var pasid = new Pasid(2);
        Assert.Equal((true, Data / Page), Read(port, Page, pasid));
        PagingDomain parent = Assert.IsAssignableFrom<NestedDomain>(Endpoint.Attached).Parent;
        Assert.Equal(IommuStatus.Ok, Endpoint.Attach(pasid, parent, null, out Attachment? attachment));
        Assert.Equal((true, 1ul), Read(port, Page, pasid)); // guest-physical now, at once
        Assert.True(Endpoint.Detach(attachment!));
        Assert.Equal((true, Data / Page), Read(port, Page, pasid));
    }

    [Fact]
    public void AWalkShowsItsContextAndItsTable()
    {
        SetContext(3, Tables, 8);
        SetPage(Tables, 1, Data, writable: true);
        _device.Attach(Nest());
        var walk = TranslationWalk.Of(Endpoint, new Pasid(3), new Iova(Page + 0x10), write: true);
        Assert.Equal(
            [(WalkStage.Attachment, Page + 0x10), (WalkStage.Context, Contexts + (3 * 16)),
                (WalkStage.First, Tables + 8),
                (WalkStage.Second, Data + 0x10)],
            walk.Steps.Select(step => (step.Stage, step.Address)));
        walk = TranslationWalk.Of(Endpoint, new Pasid(4), new Iova(Page), write: false);
        Assert.Equal((FaultReason.NotAttached, "fault 0x101"), (walk.Reason, walk.Steps[^1].Says));
        Assert.Equal(0, Unit.Faults.Count); // it was only looked at
    }

    [Fact]
    public void ItTellsOfItselfAndOfEachDevice()
    {
        using VfioDevice other = Open(1);
        HardwareDescription described = _context.DescribeHardware(_device);
        Assert.Equal(new TinyInfo { PageShift = 16, PasidBits = 4 }, described.As<TinyInfo>());
        Assert.Null(described.As<IommuHwInfoAmd>());
        Assert.Equal((Errno.None, 1u), Ask(_device, TinyDeviceInfo.Type));
        Assert.Equal((Errno.None, 0u), Ask(other, TinyDeviceInfo.Type));
        Assert.Equal(Errno.EOPNOTSUPP, Ask(_device, IOMMU_HW_INFO_TYPE_AMD).Errno);
        Assert.Equal("7", _nodes.ReadAttribute("/sys/class/iommu/tiny0/tiny-iommu/version"));
    }

    [Fact]
    public void OfItsReservedRegionsTheRelaxableCanBeMapped()
    {
        string group = $"/sys/kernel/iommu_groups/{_machine.Devices[0].Group}/reserved_regions";
        Assert.Equal(
            "0x0000000007000000 0x0000000007000fff direct-relaxable\n0x00000000fee00000 0x00000000feefffff msi",
            _nodes.ReadAttribute(group));
        _device.Attach(_ioas);
        using UserMemory memory = _nodes.Allocate(0x1000);
        Assert.Equal(new Iova(0x7000000), _ioas.Map(memory, at: new Iova(0x7000000)));
        IommuException refused = Assert.Throws<IommuException>(() => _ioas.Map(memory, at: new Iova(0xfee0_0000)));
        Assert.Equal(Errno.EINVAL, refused.Errno);
    }

    [Theory]
    [InlineData("\"pasidBits\": 21", "m.json:1: a tiny unit has up to 20 PASID bits, not 21.")]
    [InlineData("\"nesting\": true",
        "m.json:1: a unit of the "
            + "driver tiny has no \"nesting\"; it may have name, driver, pasidBits, pageShift, incoherent, relaxable.")]
    [InlineData("\"relaxable\": [ { \"last\": 1 } ]", "m.json:1: a relaxable range needs \"first\".")]
    [InlineData("\"relaxable\": [ { \"first\": 0, \"last\": 1 } ]",
        "m.json:1: a relaxable range has no \"last\"; it may have first.")]
    public void AMistakeInItsPropertiesIsShownWhereItIs(string property, string message)
    {
        MachineDescriptionException e = Assert.Throws<MachineDescriptionException>(
            () => Parse($$"""{"units": [{"name": "a", "driver": "tiny", {{property}}}]}"""));
        Assert.Equal(message, MachineDescriptionTests.WithoutColumn(e.Message));
    }

    private static MachineDescription Parse(string json) =>
        MachineDescription.Parse("m.json", Encoding.UTF8.GetBytes(json));

    private static (bool Ok, ulong Value) Read(DmaPort port, ulong iova, Pasid? pasid = null)
    {
        Span<byte> bytes = stackalloc byte[8];
        DmaResult result = pasid is { } id ? port.Read(id, new Iova(iova), bytes) : port.Read(new Iova(iova), bytes);
        return (result.IsOk, BitConverter.ToUInt64(bytes));
    }

    private DmaFault Fault(
        ulong iova, uint? pasid, bool isWrite, FaultReason reason, ushort code, FaultStage stage, ulong inner) =>
        new(Endpoint.Id, pasid is { } id ? new Pasid(id) : null, new Iova(iova), isWrite, reason,
            new FaultSyndrome(code, stage), new Gpa(inner));

    private VfioDevice Open(int number)
    {
        VfioDevice device = VfioDevice.Open(_nodes, _machine.Devices[number].VfioNode);
        device.Bind(_context);
        device.EnableBusMaster();
        return device;
    }

    private NestedHwpt Nest() =>
        _context.AllocateNestedHwpt(_device, _parent, new TinyTable { Contexts = Contexts, Count = 8 });

    private void SetContext(ulong index, ulong table, ulong pages)
    {
        _guest.Memory.Write(Contexts + (index * 16), table | 1);
        _guest.Memory.Write(Contexts + (index * 16) + 8, pages);
    }

    private void SetPage(ulong table, ulong index, ulong address, bool writable) =>
        _guest.Memory.Write(table + (index * 8), address | (writable ? 3ul : 1));

    private (Errno Errno, uint First) Ask(VfioDevice device, uint type)
    {
        using UserMemory data = _nodes.Allocate(0x1000);
        var arguments = new IommuHwInfo
        {
            Size = 40,
            Flags = IOMMU_HW_INFO_FLAG_INPUT_TYPE,
            DevId = device.Id,
            DataLen = 16,
            DataUptr = data.Address.Value,
            InDataType = type,
        };
        SysResult result = _context.TryIoctl(IOMMU_GET_HW_INFO, ref arguments);
        return (result.Errno, data.Read<uint>(0));
    }
}
