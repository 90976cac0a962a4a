// The proleptic Gregorian calendar, for years from 0 to 9999 and a little beyond.

func floorDivide(_ value: Int64, by divisor: Int64) -> (Int64, Int64) {
  let (quotient, rest) = value.quotientAndRemainder(dividingBy: divisor)
  return rest < 0 ? (quotient - 1, rest + divisor) : (quotient, rest)
}

func daysIn(month: Int, year: Int) -> Int {
  switch month {
  case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
  case 4, 6, 9, 11: 30
  default: 31
  }
}

// Years are counted from March, so that the leap day is the last of its year; 400 of them always have 146,097 days,
// and 719,468 days lie between 0000-03-01 and 1970-01-01.

func daysSince1970(_ year: Int, _ month: Int, _ day: Int) -> Int {
  // 400 is added so that January of the year 0 does not lie before the first year.
  let marchYear = year + 400 - (month <= 2 ? 1 : 0)
  let dayOfYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
  return marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + dayOfYear - 719_468 - 146_097
}

func civil(daysSince1970 days: Int64) -> (year: Int64, month: Int64, day: Int64) {
  let (era, dayOfEra) = floorDivide(days + 719_468, by: 146_097)
  let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
  let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
  let marchMonth = (5 * dayOfYear + 2) / 153
  let day = dayOfYear - (153 * marchMonth + 2) / 5 + 1
  let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
  return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
}

/// Sunday is 0.
func dayOfWeek(daysSince1970 days: Int) -> Int { ((days + 4) % 7 + 7) % 7 }
