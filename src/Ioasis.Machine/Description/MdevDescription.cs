namespace Ioasis.Machine.Description;

/// <summary>An mdev that is there from the start.</summary>
/// <param name="Type">The name of its type's directory, <c>mtty-1</c>.</param>
/// <param name="Parent">The name of its parent: a PCI address, or <c>mtty</c>.</param>
/// <param name="Uuid">Its name.</param>
public sealed record MdevDescription(string Type, string Parent, Guid Uuid);
