namespace Ioasis.Core.Units;

/// <summary>An attribute of a unit in sysfs.</summary>
/// <param name="Path">Where, below the unit's directory: <c>DIRECTORY/NAME</c>.</param>
/// <param name="Text">What it says, without the last line's end.</param>
public sealed record SysfsAttribute(string Path, string Text);
