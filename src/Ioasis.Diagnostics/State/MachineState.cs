namespace Ioasis.Diagnostics.State;

/// <summary>What a machine consists of and what programs made in it, at one moment.</summary>
/// <remarks>
/// It is read part by part, while programs go on. Each part is right at some moment of the reading; two parts need not
/// be of the same.
/// </remarks>
/// <param name="Files">The files of nodes that programs have open.</param>
/// <param name="Contexts">What was made through each /dev/iommu and each private context of a driver's.</param>
/// <param name="Devices">The devices, and what they are attached to.</param>
/// <param name="Groups">The IOMMU groups.</param>
/// <param name="Units">The units.</param>
/// <param name="Pasids">How many PASIDs are given out in all.</param>
public sealed record MachineState(
    IReadOnlyList<OpenNode> Files, IReadOnlyList<ContextState> Contexts, IReadOnlyList<DeviceState> Devices,
    IReadOnlyList<GroupState> Groups, IReadOnlyList<UnitState> Units, int Pasids);

/// <summary>An open file of a node.</summary>
/// <param name="Number">Counts the files that were opened.</param>
/// <param name="Path">The node's path.</param>
/// <param name="Process">The process that opened it; 0 when nobody said which.</param>
public sealed record OpenNode(int Number, string Path, int Process);

/// <summary>A unit.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Faults">How many faults it has recorded.</param>
public sealed record UnitState(string Name, long Faults);

/// <summary>An IOMMU group.</summary>
/// <param name="Group">Its number.</param>
/// <param name="Type">The type of its default domain, as sysfs has it.</param>
/// <param name="Devices">Its members.</param>
/// <param name="Claims">How many claims owners have on its DMA.</param>
public sealed record GroupState(int Group, string Type, IReadOnlyList<string> Devices, int Claims);

/// <summary>A device behind a unit.</summary>
/// <param name="Device">What the machine calls it: its address, or the name of a vDPA device.</param>
/// <param name="Model">Its model.</param>
/// <param name="Unit">The unit that translates for it.</param>
/// <param name="Group">Its group.</param>
/// <param name="Driver">The driver that has it; null for none.</param>
/// <param name="CanSend">Whether its requests reach the unit: whether it is a bus master.</param>
/// <param name="PageRequests">How many of its page requests are not answered.</param>
/// <param name="Attachments">What its requests are translated by; no more than
/// <see cref="StateReader.MostListed"/>.</param>
public sealed record DeviceState(
    string Device, string Model, string Unit, int Group, string? Driver, bool CanSend, int PageRequests,
    IReadOnlyList<AttachmentState> Attachments);

/// <summary>That requests of a device are translated by a domain.</summary>
/// <param name="Pasid">Which PASID; null for requests without one.</param>
/// <param name="Domain">What kind of domain: <c>hwpt</c>, <c>process</c>, <c>default</c>, <c>identity</c>,
/// <c>blocked</c>, <c>other</c>.</param>
/// <param name="Context">The number of the context whose HWPT it is.</param>
/// <param name="Hwpt">The HWPT's ID.</param>
public sealed record AttachmentState(uint? Pasid, string Domain, int? Context = null, uint? Hwpt = null);

/// <summary>What was made through one open /dev/iommu.</summary>
/// <param name="Context">The number of the file that it began with.</param>
/// <param name="Path">The node's path.</param>
/// <param name="Process">The process that opened it.</param>
/// <param name="IsOpen">Whether the file is open; else bound devices keep the context.</param>
/// <param name="ChargedBytes">Bytes of our memory that are charged for it.</param>
/// <param name="Objects">The objects, in ascending order of their IDs.</param>
public sealed record ContextState(
    int Context, string Path, int Process, bool IsOpen, long ChargedBytes, IReadOnlyList<ObjectState> Objects);

/// <summary>A range of addresses, both included.</summary>
/// <param name="First">The first.</param>
/// <param name="Last">The last.</param>
public sealed record RangeState(ulong First, ulong Last);

/// <summary>A mapping of an IOAS.</summary>
/// <param name="First">Its first address.</param>
/// <param name="Last">Its last address.</param>
/// <param name="Access"><c>r</c>, <c>w</c>, <c>rw</c>, or <c>-</c> for none.</param>
/// <param name="Address">The address in the process that it begins with.</param>
/// <param name="FileOffset">Of mapped files, the offset instead.</param>
public sealed record MapState(ulong First, ulong Last, string Access, ulong? Address, ulong? FileOffset);
