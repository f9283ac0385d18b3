using Ioasis.Abi;
using Ioasis.Client;
using Ioasis.Conformance.Dma;
using Ioasis.Core.PageRequests;
using Ioasis.Memory;

namespace Ioasis.Conformance.Vfio;

/// <summary>VFIO_DEVICE_ATTACH_PASID on an mdev: all is as with a function that has PASIDs.</summary>
public sealed class MdevPasidTests() : PasidTests(onMdev: true);

/// <summary>DMA of an mdev through a first stage of the program's own: all is as with a function.</summary>
public sealed class MdevNestedDmaTests() : NestedDmaTests(onMdev: true);

/// <summary>What the PASIDs of an mdev's program have to do with all others: nothing.</summary>
public sealed class MdevTests : UapiTest
{
    private const uint Vtd = IommufdH.IOMMU_HW_INFO_TYPE_INTEL_VTD;
    private static readonly Iova s_at = new(0x100000);
    private readonly IommuContext _context;
    private readonly VfioDevice _device;
    private readonly DmatestEngine _engine;

    public MdevTests()
    {
        _context = OpenContext();
        _device = OpenBound(MdevNode, _context);
        _engine = new DmatestEngine(_device);
    }

    [Fact]
    public void Its_unit_is_described_as_for_its_parent()
    {
        HardwareDescription hardware = _context.DescribeHardware(_device);
        IommuContext other = OpenContext();
        VfioDevice function = OpenBound(DmatestNode, other);
        HardwareDescription functions = other.DescribeHardware(function);
        Assert.Equal(functions.Data.ToArray(), hardware.Data.ToArray());
        Assert.Equal((Vtd, 20), (hardware.Type, hardware.MaxPasidLog2));
    }

    /// <summary>The PASID that its requests carry is one of these, and none of them leads anywhere.</summary>
    [Fact]
    public void A_PASID_that_was_not_attached_leads_nowhere()
    {
        UserMemory memory = Map();
        Assert.Equal(DmatestEngine.Done, _engine.Run(s_at, 64, 0));
        for (uint pasid = 0; pasid < 300; pasid++)
        {
            _engine.Pasid = pasid;
            Assert.Equal((DmatestEngine.Fault, DmatestEngine.NotAttached), (_engine.Run(s_at, 64, 0), _engine.Reason));
        }

        _engine.Pasid = null;
        Assert.Equal(DmatestEngine.Done, _engine.Run(s_at, 64, 0));
        Assert.NotNull(memory);
    }

    /// <summary>All numbers are the program's, those that others have as PASIDs included.</summary>
    [Fact]
    public void The_program_can_give_its_PASIDs_any_number()
    {
        UserMemory memory = Map();
        Ioas ioas = _context.AllocateIoas();
        UserMemory behind = Pages(1);
        ioas.Map(behind, at: s_at);
        Hwpt hwpt = _context.AllocateHwpt(_device, ioas, HwptOptions.Pasid);
        for (uint pasid = 1; pasid < 20; pasid++)
        {
            _device.Attach(hwpt, new Pasid(pasid));
            _engine.Pasid = pasid;
            _engine.Buffer = Pattern(4096, (int)pasid);
            Assert.Equal(DmatestEngine.Done, _engine.Run(s_at, 64, 0));
            Assert.Equal(Pattern(64, (int)pasid), behind.ToArray(0, 64));
        }

        Assert.All(memory.ToArray(0, (int)Page), value => Assert.Equal(0, value));
        _device.Detach(new Pasid(7));
        _engine.Pasid = 7;
        Assert.Equal((DmatestEngine.Fault, DmatestEngine.NotAttached), (_engine.Run(s_at, 64, 0), _engine.Reason));
        _engine.Pasid = 8;
        Assert.Equal(DmatestEngine.Done, _engine.Run(s_at, 64, 0));
    }

    /// <summary>A page request of a number comes with that number, whatever PASID the request carries.</summary>
    [Fact]
    public void Page_requests_say_the_number_that_the_program_knows()
    {
        Ioas ioas = _context.AllocateIoas();
        using FaultQueue faults = _context.AllocateFaultQueue();
        Hwpt hwpt = _context.AllocateHwpt(_device, ioas, HwptOptions.Pasid, faults);
        _device.Attach(hwpt, new Pasid(4711));
        _engine.Pasid = 4711;
        _engine.UsePageRequests = true;
        _engine.Buffer = Pattern(4096, 1);
        _engine.Begin(s_at, 64, 0);
        IommuHwptPgfault request = Assert.Single(faults.Read(Patience)).Raw;
        Assert.Equal((s_at.Value, 4711u, _device.Id), (request.Addr, request.Pasid, request.DevId));
        using UserMemory memory = Pages(1);
        ioas.Map(memory, at: s_at);
        faults.Respond(request.Cookie, PageResponse.Success);
        _engine.Wait();
        Assert.Equal(DmatestEngine.Done, _engine.Status);
        Assert.Equal(Pattern(64, 1), memory.ToArray(0, 64));
        _device.Detach(new Pasid(4711));
    }

    private UserMemory Map()
    {
        Ioas ioas = _context.AllocateIoas();
        UserMemory memory = Pages(1);
        ioas.Map(memory, at: s_at);
        _device.Attach(ioas);
        return memory;
    }
}
